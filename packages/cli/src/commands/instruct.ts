import { mkdir, rm, rmdir } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import path from 'node:path'
import {
  holdOut,
  readChats,
  type TunedDecoder,
  type TuneOptions,
  tuneDecoder,
  writeMergedDecoder,
} from '@volant/models'
import { command } from '../command.js'
import { openModel } from '../decoder.js'
import type { OptionValues } from '../options.js'
import { checkFolder, stopped, unfinishedOf } from '../out.js'
import { timeText } from '../terminal/chart.js'
import { tuneProgress } from '../terminal/tune-progress.js'
import { Usage } from '../usage.js'

/** Updates after which a checkpoint is written. */
const EVERY = 25

const options = [
  'base',
  'out',
  'lora',
  'dora',
  'epochs',
  'learningRate',
  'batchSize',
  'maxTokens',
  'valid',
  'quantise',
  'merge',
  'seed',
  'threads',
  'revision',
  'file',
  'json',
  'force',
] as const
type InstructOptions = OptionValues<(typeof options)[number]>

export const instruct = command({
  name: 'instruct',
  summary: 'Teach a pretrained decoder your conversations (LoRA)',
  arguments: [
    {
      name: 'chats',
      description: 'JSON lines: {"messages": [{"role", "content"}, …]} or {"prompt", "completion"}',
      required: true,
    },
  ],
  options,
  examples: [
    ['volant instruct chats.jsonl --base smollm2.gguf --out adapter', 'learn the answers, write an adapter'],
    ['volant generate smollm2.gguf "Where is Paris?" --chat --adapter adapter', 'use it'],
    ['volant instruct chats.jsonl --base org/name --lora 16 --epochs 3 --out adapter', 'a model of the hub, longer'],
    ['volant instruct chats.jsonl --base large-model --quantise 4bit --out adapter', 'a sixth of the memory (QLoRA)'],
    ['volant instruct chats.jsonl --base folder --valid later.jsonl --merge --out model', 'a whole model folder'],
  ],
  async run([chats], given, terminal) {
    const { base, out, force, merge, json, revision, file } = given
    if (!base) throw new Usage('instruct needs --base: the folder, .gguf file or name on the hub of a decoder')
    if (!out) throw new Usage('instruct needs --out: the folder to write to')
    if (given.quantise === 'int8') throw new Usage('instruct keeps frozen weights as 4bit or float32, not int8')
    if (given.quantise && given.dora) throw new Usage('--dora needs the weights themselves: leave out --quantise')
    await checkFolder(out, force)
    const seed = given.seed ?? 42
    const all = await readChats(chats!)
    const own = given.valid === undefined ? holdOut(all, seed) : { learnt: all, held: await readChats(given.valid) }
    const decoder = await openModel(base, { revision, file }, terminal)
    const unfinished = unfinishedOf(out)
    const checkpoint = path.join(unfinished, 'training')
    await mkdir(unfinished, { recursive: true })
    const progress = tuneProgress(terminal)
    let tuned: TunedDecoder
    try {
      tuned = await tuneDecoder(decoder, own.learnt, {
        ...settingsOf(given),
        seed,
        valid: own.held.length > 0 ? own.held : undefined,
        checkpoint: { file: checkpoint, every: EVERY },
        signal: terminal.signal,
        onEvent: progress.onEvent,
      })
    } catch (error) {
      await rmdir(unfinished).catch(() => {}) // where nothing is in it
      const what = `The tuning was stopped after ${progress.step} of ${progress.totalSteps} updates`
      throw stopped(error, terminal.signal, what, checkpoint)
    } finally {
      progress.end()
    }
    if (merge) await writeMergedDecoder(out, decoder, tuned)
    else await tuned.save(out)
    await rm(unfinished, { recursive: true })
    const report = reportOf(tuned, { base, out, merged: merge ?? false })
    terminal.print(json ? JSON.stringify(report) : summary(report))
  },
})

function settingsOf(given: InstructOptions): TuneOptions {
  const { lora, dora, epochs, learningRate, batchSize, maxTokens, quantise, threads = availableParallelism() } = given
  const known = { epochs, learningRate, batchSize, maxTokens, quantise, threads, lora: { rank: lora ?? 8, dora } }
  return Object.fromEntries(Object.entries(known).filter(([, value]) => value !== undefined))
}

function reportOf(tuned: TunedDecoder, made: { base: string; out: string; merged: boolean }) {
  const { before, after, losses, chats, rows, tokens, steps, seconds } = tuned
  const scored = (loss: number | undefined) => (loss === undefined ? null : { loss, perplexity: Math.exp(loss) })
  return {
    ...made,
    validation: { before: scored(before), after: scored(after) },
    losses,
    chats,
    rows,
    tokens,
    steps,
    seconds,
  }
}

function summary(report: ReturnType<typeof reportOf>): string {
  const { base, out, merged, validation, chats, tokens, seconds } = report
  const { before, after } = validation
  const figures = (one: { loss: number; perplexity: number }) =>
    `loss ${one.loss.toFixed(4)}, perplexity ${one.perplexity.toFixed(2)}`
  return [
    `Learnt ${chats.learnt} conversations of ${tokens} tokens in ${timeText(seconds)}.`,
    ...(chats.cut > 0 ? [`${chats.cut} were cut: they have more than --max-tokens.`] : []),
    ...(chats.left > 0 ? [`${chats.left} were left out: no answer begins within --max-tokens.`] : []),
    ...(before && after ? [`Answers held out: before ${figures(before)}; after ${figures(after)}.`] : []),
    merged ? `Model folder: ${out}` : `Adapter: ${out}`,
    `Next: volant generate ${merged ? out : `${base} --adapter ${out}`} "…" --chat`,
  ].join('\n')
}
