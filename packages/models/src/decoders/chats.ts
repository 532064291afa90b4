import { readFile } from 'node:fs/promises'
import { type Tensor, tensorOf } from '@volant/graph'
import { Random } from '@volant/nn'
import { ModelsError } from '../errors.js'
import type { ChatMessage } from '../tokenisers/chat.js'
import type { Tokeniser } from '../tokenisers/tokeniser.js'

/** What a decoder is taught: a conversation, or a text and what is to follow it. */
export type Chat =
  | { readonly messages: readonly ChatMessage[] }
  | { readonly prompt: string; readonly completion: string }

/** The tokens of a conversation. */
export interface EncodedChat {
  readonly ids: Int32Array
  /** 1 for the tokens that are to be learnt, those of answers. */
  readonly learnt: Uint8Array
}

/**
 * Reads JSON lines, each `{"messages": [{"role", "content"}, …]}` or `{"prompt", "completion"}`. Throws ModelsError `bad-chats`,
 * naming the line.
 */
export async function readChats(file: string): Promise<Chat[]> {
  const text = await readFile(file, 'utf8').catch((cause) => {
    throw new ModelsError(
      'bad-chats',
      `The conversations "${file}" cannot be read (${cause.code}).`,
      { file },
      { cause },
    )
  })
  const chats = text
    .replace(/^\uFEFF/, '')
    .split('\n')
    .flatMap((line, i) => (line.trim() === '' ? [] : [parse(line, file, i + 1)]))
  if (chats.length === 0) throw new ModelsError('bad-chats', `"${file}" holds no conversation.`, { file })
  return chats
}

function parse(line: string, file: string, number: number): Chat {
  const refuse = (reason: string, cause?: unknown) =>
    new ModelsError('bad-chats', `"${file}", line ${number}: ${reason}.`, { file, line: number }, { cause })
  let value: { messages?: unknown; prompt?: unknown; completion?: unknown }
  try {
    value = JSON.parse(line) ?? {}
  } catch (cause) {
    throw refuse(`is not JSON (${(cause as Error).message})`, cause)
  }
  const { messages, prompt, completion } = value
  if (typeof prompt === 'string' && typeof completion === 'string') return { prompt, completion }
  const isMessage = (message: unknown) => typeof (message as ChatMessage | null)?.role === 'string'
  if (!Array.isArray(messages) || !messages.every(isMessage))
    throw refuse('expected {"messages": [{"role": …, "content": …}, …]} or {"prompt": …, "completion": …}')
  if (!messages.some(({ role }) => role === 'assistant')) throw refuse('no message has the role "assistant"')
  return { messages }
}

/**
 * The tokens of a conversation as the model's chat template writes it, the assistant's answers with the token that ends each to be
 * learnt; of a prompt as it is, with its completion and the token that ends a text.
 */
export const encodeChat = (chat: Chat, tokeniser: Tokeniser): EncodedChat =>
  'prompt' in chat ? encodePrompt(chat, tokeniser) : encodeMessages(chat, tokeniser)

/** The first `maxTokens` tokens; undefined where nothing to learn is among them. */
export function cutChat({ ids, learnt }: EncodedChat, maxTokens: number): EncodedChat | undefined {
  // The first token follows nothing, so it cannot be learnt.
  if (!learnt.subarray(1, maxTokens).includes(1)) return undefined
  return { ids: ids.slice(0, maxTokens), learnt: learnt.slice(0, maxTokens) }
}

function encodeMessages({ messages }: { messages: readonly ChatMessage[] }, tokeniser: Tokeniser): EncodedChat {
  const { ids } = tokeniser.chat(messages)
  const learnt = new Uint8Array(ids.length)
  for (const [start, end] of tokeniser.chatAnswers(messages)) learnt.fill(1, start, end)
  return { ids, learnt }
}

function encodePrompt(chat: { prompt: string; completion: string }, tokeniser: Tokeniser): EncodedChat {
  const { bos, eos } = tokeniser.special
  const begins = tokeniser.encode('').ids.includes(bos ?? -1)
  const before = tokeniser.encode(chat.prompt, null, { special: false }).ids
  const after = tokeniser.encode(chat.completion, null, { special: false }).ids
  const ids = Int32Array.from([...(begins ? [bos!] : []), ...before, ...after, ...(eos === undefined ? [] : [eos])])
  return { ids, learnt: new Uint8Array(ids.length).fill(1, Number(begins) + before.length) }
}

/** Every tenth conversation, at most 200, drawn by the seed: what is learnt, and what is held out to validate on. */
export function holdOut<T>(chats: readonly T[], seed: number): { learnt: T[]; held: T[] } {
  const order = new Random(seed, 'hold-out').permutation(chats.length)
  const held = new Set(order.subarray(0, Math.min(200, Math.floor(chats.length / 10))))
  return { learnt: chats.filter((_, i) => !held.has(i)), held: chats.filter((_, i) => held.has(i)) }
}

/**
 * Puts conversations together in rows of at most `room` tokens, the longest first, each into the first row with room for it
 * (first-fit decreasing); a longer one has a row of its own.
 */
export function packChats(chats: readonly EncodedChat[], room: number): EncodedChat[][] {
  const rows: { chats: EncodedChat[]; left: number }[] = []
  for (const chat of chats.toSorted((a, b) => b.ids.length - a.ids.length)) {
    let row = rows.find(({ left }) => left >= chat.ids.length)
    if (!row) {
      row = { chats: [], left: Math.max(room, chat.ids.length) }
      rows.push(row)
    }
    row.chats.push(chat)
    row.left -= chat.ids.length
  }
  return rows.map((row) => row.chats)
}

/** The inputs of `answerLoss`, with the shapes that `chatBatch` gives them. */
export const chatInputs = {
  ids: { dtype: 'int64', shape: ['B', 'T'] },
  positions: { dtype: 'int64', shape: ['B', 'T'] },
  chats: { dtype: 'int64', shape: ['B', 'T'] },
  answered: { dtype: 'int64', shape: ['A'] },
  labels: { dtype: 'int64', shape: ['A'] },
} as const

/**
 * Rows of conversations as tensors, padded to the longest row: `ids`, the `positions` within each conversation and its number in
 * the row (`chats`, 0 for padding), each [B, T]; `answered`, the places [A] of the flattened rows that an answer's token follows, and
 * these tokens, `labels` [A].
 */
export function chatBatch(rows: readonly (readonly EncodedChat[])[]): Record<keyof typeof chatInputs, Tensor> {
  const width = Math.max(...rows.map((row) => row.reduce((sum, { ids }) => sum + ids.length, 0)))
  const grids = {
    ids: blank(rows.length * width),
    positions: blank(rows.length * width),
    chats: blank(rows.length * width),
  }
  const places: number[] = []
  const labels: number[] = []
  rows.forEach((row, r) => {
    let at = r * width
    row.forEach(({ ids, learnt }, number) => {
      ids.forEach((id, t) => {
        grids.ids[at + t] = BigInt(id)
        grids.positions[at + t] = BigInt(t)
        if (t === 0 || !learnt[t]) return
        places.push(at + t - 1)
        labels.push(id)
      })
      grids.chats.fill(BigInt(number + 1), at, at + ids.length)
      at += ids.length
    })
  })
  const grid = (data: BigInt64Array): Tensor => ({ dtype: 'int64', dims: [rows.length, width], data })
  const list = (values: number[]) => tensorOf('int64', [values.length], values)
  return {
    ids: grid(grids.ids),
    positions: grid(grids.positions),
    chats: grid(grids.chats),
    answered: list(places),
    labels: list(labels),
  }
}

const blank = (length: number) => new BigInt64Array(length)
