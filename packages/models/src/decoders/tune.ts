import { createHash } from 'node:crypto'
import { crossEntropy, equal, gather, reshape, type Tensor, unsqueeze, type Value } from '@volant/graph'
import {
  adamW,
  addAdapters,
  type Context,
  cosine,
  type GPT,
  type LoraOptions,
  type TrainEvent,
  type TrainingData,
  train,
  type Validation,
  warmUp,
} from '@volant/nn'
import { writeAdapter } from '../adapters/write.js'
import { ModelsError } from '../errors.js'
import { Tokeniser } from '../tokenisers/tokeniser.js'
import { type Chat, chatBatch, chatInputs, cutChat, type EncodedChat, encodeChat, packChats } from './chats.js'
import { architectureOf, decoderNetwork, fourBitNetwork, type PretrainedDecoder } from './pretrained.js'

export interface TuneOptions {
  /** Rank (default 8), alpha (default twice the rank), dropout, DoRA. */
  readonly lora?: LoraOptions
  /** Patterns of the paths of linear layers that get an adapter; default all of every block. */
  readonly targets?: readonly string[]
  /** Conversations to validate on, before the first epoch and after each; the adapter of the best epoch is kept. */
  readonly valid?: readonly Chat[]
  /** Passes over the conversations, default 1. */
  readonly epochs?: number
  /** Highest rate, default 2e-4; it rises over the first 3 % of the updates and falls to 0 along half a cosine. */
  readonly learningRate?: number
  /** Rows an update, default 2: a row holds as many conversations as 256 tokens have room for, or one longer one. */
  readonly batchSize?: number
  /** Tokens of the longest conversation; default 512, never more than the model's positions. */
  readonly maxTokens?: number
  /** Of first weights and order; default 42. */
  readonly seed?: number
  /** Keep the frozen weights in 4 bits, a sixth of the memory (QLoRA, Dettmers et al. 2023); not with DoRA. */
  readonly quantise?: '4bit'
  /** Keep only what goes from block to block and compute the rest again: less memory, a third more time. Default false. */
  readonly checkpointBlocks?: boolean
  readonly threads?: number
  /** A file from which the same call goes on where it was stopped. */
  readonly checkpoint?: { readonly file: string; readonly every: number }
  readonly signal?: AbortSignal
  readonly onEvent?: (event: TrainEvent) => void
}

/** Tokens of a row of conversations. Rows of 512 took a sixth longer: attention grows with a row, most of it masked. */
const ROOM = 256

export interface TunedDecoder {
  /** With its adapters. */
  readonly network: GPT
  /** Of the network and its adapters, by path. */
  readonly weights: ReadonlyMap<string, Tensor>
  /** Mean loss of a token of the answers held out, before the first update and of the adapter that was kept. */
  readonly before: number | undefined
  readonly after: number | undefined
  /** Mean training loss of each epoch. */
  readonly losses: readonly number[]
  /** Conversations learnt from, of them cut to `maxTokens`, and left out because no answer was within these. */
  readonly chats: { readonly learnt: number; readonly cut: number; readonly left: number }
  readonly rows: number
  readonly tokens: number
  readonly steps: number
  readonly seconds: number
  /** Writes the adapter as the folder that PEFT reads. */
  save(folder: string): Promise<void>
}

/**
 * Teaches a pretrained decoder conversations by LoRA (Hu et al. 2021): the loss is that of the answers' tokens only, and rows hold
 * several conversations, none of which sees another. Throws ModelsError `nothing-to-learn`,
 * `chat-template-missing`, what `train` throws, the reason of `signal`.
 */
export async function tuneDecoder(
  decoder: PretrainedDecoder,
  chats: readonly Chat[],
  options: TuneOptions = {},
): Promise<TunedDecoder> {
  const { description } = decoder
  const { epochs = 1, batchSize = 2, learningRate = 2e-4, seed = 42, targets = ['decoder.layers.**'] } = options
  const architecture = architectureOf(description)
  const changes = options.checkpointBlocks ? { checkpoint: true } : {}
  const network = (options.quantise === '4bit' ? fourBitNetwork : decoderNetwork)(description, changes)
  const maxTokens = Math.min(options.maxTokens ?? 512, network.options.context)
  const tokeniser = new Tokeniser(description.tokeniser)
  const learnt = encodeAll(chats, tokeniser, maxTokens)
  const valid = options.valid && packChats(encodeAll(options.valid, tokeniser, maxTokens).chats, ROOM)
  if (learnt.chats.length === 0 || valid?.length === 0)
    throw new ModelsError(
      'nothing-to-learn',
      `No conversation ${valid?.length === 0 ? 'to validate on ' : ''}has an answer within ${maxTokens} tokens; allow more tokens.`,
      { maxTokens },
    )
  const rows = packChats(learnt.chats, ROOM)
  const rank = options.lora?.rank ?? 8
  const initial = await decoder.weights(network)
  const freeze = addAdapters(network, { alpha: 2 * rank, ...options.lora, rank, targets })
  const hash = await decoder.hash()
  const { checkpoint } = options
  const result = await train({
    model: network,
    inputs: chatInputs,
    loss: (context, inputs) => answerLoss(network, context, inputs),
    data: dataOf(rows),
    batchSize: Math.min(batchSize, rows.length),
    epochs,
    optimiser: adamW({ weightDecay: 0 }),
    schedule: warmUp(0.03, cosine(learningRate)),
    clip: 1,
    seed,
    freeze,
    initial,
    validate: valid && ((predict) => validation(valid, predict)),
    validateFirst: valid !== undefined,
    checkpoint: checkpoint && { ...checkpoint, key: keyOf(hash, [...rows, ...(valid ?? [])]), leaveFrozen: true },
    threads: options.threads,
    signal: options.signal,
    onEvent: options.onEvent,
  })
  const { first, history, bestEpoch, steps, seconds } = result
  return {
    network,
    weights: result.parameters,
    before: first?.score,
    after: history[bestEpoch - 1]?.validation?.score,
    losses: history.map(({ loss }) => loss),
    chats: { learnt: learnt.chats.length, cut: learnt.cut, left: learnt.left },
    rows: rows.length,
    tokens: learnt.chats.reduce((sum, { ids }) => sum + ids.length, 0),
    steps,
    seconds,
    save: (folder) =>
      writeAdapter(folder, {
        network,
        architecture,
        weights: result.parameters,
        base: { name: description.name, hash },
        task: 'CAUSAL_LM',
        prefix: architecture.prefixes[0],
      }),
  }
}

type ChatValues = Readonly<Record<string, Value>>

/**
 * Mean loss of the tokens of answers, from the inputs that `chatBatch` makes. A token sees those before it of its own conversation;
 * logits are computed where an answer's token follows only.
 */
export function answerLoss(network: GPT, context: Context, inputs: ChatValues): Value {
  const { ids, positions, chats, answered, labels } = inputs as Record<keyof typeof chatInputs, Value>
  const mask = equal(unsqueeze(chats, 2), unsqueeze(chats, 1))
  const states = network.states(context, ids, { positions, mask })
  return crossEntropy(network.score(context, gather(reshape(states, [-1, states.shape[2]!]), answered)), labels)
}

function encodeAll(chats: readonly Chat[], tokeniser: Tokeniser, maxTokens: number) {
  const encoded = chats.map((chat) => encodeChat(chat, tokeniser))
  const chosen = encoded.filter((chat) => cutChat(chat, maxTokens))
  const cut = chosen.filter(({ ids }) => ids.length > maxTokens).length
  return { chats: chosen.map((chat) => cutChat(chat, maxTokens)!), cut, left: chats.length - chosen.length }
}

const dataOf = (rows: readonly EncodedChat[][]): TrainingData => ({
  rows: rows.length,
  length: (row) => rows[row]!.reduce((sum, { ids }) => sum + ids.length, 0),
  batch: (chosen) => chatBatch(Array.from(chosen, (row) => rows[row]!)),
})

type Evaluate = (batch: Record<string, Tensor>) => Promise<Record<string, Tensor>>

/** The mean loss of a token over all answers, not of a row. */
async function validation(rows: readonly EncodedChat[][], evaluate: Evaluate): Promise<Validation> {
  let [sum, tokens] = [0, 0]
  for (const row of rows) {
    const batch = chatBatch([row])
    const count = batch.labels.data.length
    const { loss } = await evaluate(batch)
    sum += Number(loss!.data[0]) * count
    tokens += count
  }
  return { score: sum / tokens }
}

/** What a checkpoint is bound to besides the program. */
function keyOf(hash: string, rows: readonly EncodedChat[][]): string {
  const sum = createHash('sha256').update(hash)
  for (const { ids, learnt } of rows.flat()) sum.update(Uint8Array.from(learnt)).update(String(ids))
  return sum.digest('hex')
}
