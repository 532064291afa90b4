import { rm, rmdir } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import path from 'node:path'
import { readTexts } from '@volant/data'
import { describeModel, type Pretrained, pretrain, pretrainable } from '@volant/models'
import { command } from '../command.js'
import { locate, publicName } from '../locate.js'
import type { OptionValues } from '../options.js'
import { checkFolder, stopped, unfinishedOf } from '../out.js'
import { sizeText, timeText } from '../terminal/chart.js'
import { pretrainProgress } from '../terminal/pretrain-progress.js'
import type { Terminal } from '../terminal/terminal.js'
import { Usage } from '../usage.js'

const options = [
  'arch',
  'base',
  'out',
  'vocabulary',
  'layers',
  'width',
  'heads',
  'context',
  'minutes',
  'steps',
  'batchSize',
  'learningRate',
  'dropout',
  'valid',
  'column',
  'seed',
  'threads',
  'force',
  'json',
] as const
type Given = OptionValues<(typeof options)[number]>

/** Minutes to train for where nothing is said. */
const MINUTES = 10

export const pretrainCommand = command({
  name: 'pretrain',
  summary: 'Make a base of your own texts, new or going on from one: BERT, RoBERTa, ELECTRA, GPT-2 or Llama',
  arguments: [
    {
      name: 'texts...',
      description: '.txt or .md, CSV, TSV, JSONL or Parquet files (also .gz)',
      required: true,
    },
  ],
  options,
  examples: [
    ['volant pretrain notes.txt --arch bert --minutes 60 --out base', 'an encoder that fills in masked words'],
    ['volant train tickets.csv --outputs queue --base base --out model', 'then train with it'],
    ['volant pretrain notes.txt --base MiniLM-L6 --minutes 30 --out base', 'go on from a model folder, on your texts'],
    ['volant pretrain plays.txt --arch gpt2 --out writer', 'a decoder that writes'],
    ['volant generate writer "ROMEO:"', 'then let it write'],
  ],
  async run(files, given, terminal) {
    checkUsage(given)
    const { out, force } = given
    await checkFolder(out!, force)
    const folder = given.base && (await locate(given.base, terminal))
    const made = await make(files as string[], { ...given, base: folder }, terminal)
    const report = reportOf(made, given)
    await made.save(out!, cardOf(report))
    await rm(unfinishedOf(given.out!), { recursive: true, force: true })
    const { bytes } = await describeModel(out!)
    terminal.print(given.json ? JSON.stringify({ ...report, bytes }) : summary({ ...report, bytes }, out!))
  },
})

function checkUsage({ arch, base, out, minutes, steps, ...sizes }: Given): void {
  if (!out) throw new Usage('pretrain needs --out: the folder to write the base to')
  if (!arch && !base)
    throw new Usage(`pretrain needs --arch: one of ${pretrainable.join(', ')}; or --base: a model folder to go on from`)
  if (arch && !pretrainable.includes(arch))
    throw new Usage(`the architecture "${arch}" cannot be pre-trained; --arch is one of ${pretrainable.join(', ')}`)
  if (minutes !== undefined && steps !== undefined)
    throw new Usage('--minutes and --steps are two ways to say how long')
  if (base)
    for (const name of ['vocabulary', 'layers', 'width', 'heads'] as const)
      if (sizes[name] !== undefined) throw new Usage(`--${name} is that of the base: leave it out`)
}

const decoders = ['gpt2', 'llama']

async function make(files: readonly string[], given: Given, terminal: Terminal): Promise<Pretrained> {
  const { arch, minutes, steps, column, valid, seed = 42, threads = availableParallelism() } = given
  const { signal } = terminal
  const state = unfinishedOf(given.out!)
  const read = (paths: readonly string[]) =>
    async function* (architecture: string) {
      // Models that write learn from lines and blank lines too.
      const asWritten = decoders.includes(architecture)
      for (const file of paths) yield* readTexts(file, { column, asWritten, signal })
    }
  const { base, vocabulary, layers, width, heads, context, dropout, batchSize, learningRate } = given
  const progress = pretrainProgress(terminal)
  try {
    return await pretrain({
      architecture: arch,
      base,
      texts: read(files),
      valid: valid === undefined ? undefined : read([valid]),
      vocabulary,
      layers,
      width,
      heads,
      context,
      dropout,
      batchSize,
      learningRate,
      steps,
      minutes: steps === undefined ? (minutes ?? MINUTES) : undefined,
      seed,
      threads,
      state,
      signal,
      onEvent: progress.onEvent,
    })
  } catch (error) {
    await rmdir(state).catch(() => {}) // where nothing is in it
    throw stopped(error, signal, 'The pre-training was stopped', path.join(state, 'training'))
  } finally {
    progress.end()
  }
}

function reportOf({ save: _, history, base, ...made }: Pretrained, given: Given) {
  const { loss, generator } = made.validation
  return {
    model: path.resolve(given.out!),
    ...made,
    base: base ? { ...base, name: publicName(given.base!) } : null,
    perplexity: Math.exp(generator ?? loss),
    history: history.map(({ step, loss: learnt, validation }) => ({
      step,
      loss: learnt,
      validation: validation!.score,
    })),
  }
}
type Report = ReturnType<typeof reportOf>

const heldOut = ({ validation: { loss, accuracy }, perplexity, architecture }: Report): string => {
  if (accuracy === undefined) {
    const what = decoders.includes(architecture) ? 'the next token' : 'the masked tokens'
    return `loss ${loss.toFixed(4)}, perplexity of ${what} ${perplexity.toFixed(2)}`
  }
  return `${(100 * accuracy).toFixed(1)} % of the tokens told right, put in or not; perplexity of the generator ${perplexity.toFixed(2)}`
}

function summary(report: Report & { readonly bytes: number }, out: string): string {
  const { architecture, parameters, bytes, texts, tokens, steps, passes, seconds } = report
  const next = decoders.includes(architecture)
    ? `Write with it: volant generate ${out} "…"`
    : `Train with it: volant train data.csv --outputs … --base ${out} --out model`
  return [
    `${out}: ${architecture}, ${(parameters / 1e6).toFixed(1)} million parameters learnt, ${sizeText(bytes)}, from ${texts} texts of ${tokens} tokens, read ${passes.toFixed(1)} times in ${steps} updates and ${timeText(seconds)}.`,
    `Held out: ${heldOut(report)}.`,
    next,
  ].join('\n')
}

/** README.md of the base. */
function cardOf(report: Report): string {
  const { architecture, base, texts, tokens, vocabulary, steps, passes } = report
  const from = base ? `, going on from ${base.name} (sha256 of its weights: ${base.sha256})` : ''
  return `---
${base ? `base_model: ${base.name}\n` : ''}tags: [${architecture}, volant]
---
# A ${architecture} model pre-trained on texts of its own

Made by \`volant pretrain\`${from}: ${texts} texts of ${tokens} tokens (a vocabulary of ${vocabulary}), read ${passes.toFixed(1)} times
in ${steps} updates. Held out: ${heldOut(report)}.
`
}
