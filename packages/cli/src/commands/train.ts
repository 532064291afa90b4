import { readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { openTable, type Table, VolantError } from '@volant/data'
import { inferSpec, joinProcesses, type ProcessGroup, parseSpec, type Spec, train as trainModel } from '@volant/fields'
import { command } from '../command.js'
import type { OptionValues } from '../options.js'
import { checkFree, unfinishedOf } from '../out.js'
import { trainProgress } from '../terminal/progress.js'
import { trainSummary } from '../terminal/report.js'
import type { Terminal } from '../terminal/terminal.js'
import { Usage } from '../usage.js'

const options = [
  'outputs',
  'inputs',
  'spec',
  'valid',
  'test',
  'split',
  'encoder',
  'base',
  'tune',
  'learn',
  'timeLimit',
  'epochs',
  'seed',
  'noRefit',
  'out',
  'force',
  'json',
] as const
type TrainOptions = OptionValues<(typeof options)[number]>

export const train = command({
  name: 'train',
  summary: 'Train a model on a data file and write its folder',
  arguments: [{ name: 'data', description: 'CSV, TSV, JSONL or Parquet file (also .gz)', required: true }],
  options,
  examples: [
    ['volant train tickets.csv --outputs queue --out model', 'infer inputs and types, choose the best model'],
    [
      'volant train tickets.csv --inputs message --outputs queue --test later.csv --out model',
      'one input, own test file',
    ],
    ['volant train tickets.csv --spec spec.yaml --out model', 'from a spec (see volant init)'],
    ['volant train tickets.csv --outputs queue --encoder cnn --time-limit 2m --json --out model', 'one JSON report'],
    ['volant train tickets.csv --outputs queue --base MiniLM-L6 --out model', 'fine-tune a pretrained model'],
    ['mpirun -n 4 --bind-to none volant train tickets.csv --outputs queue --out model', 'with four processes'],
  ],
  async run([data], given, terminal) {
    checkUsage(given)
    const group = await joinProcesses()
    if (!group) return trainAndTell(data!, given, terminal)
    await trainTogether(group, terminal, (voice) => trainAndTell(data!, given, voice, group))
  },
})

/** One process of several: rank 0 speaks, and one that fails ends all, as the others would wait for it. */
async function trainTogether(
  group: ProcessGroup,
  terminal: Terminal,
  run: (voice: Terminal) => Promise<void>,
): Promise<void> {
  const voice = group.rank === 0 ? terminal : { ...terminal, live: false, print: () => {}, note: () => {} }
  try {
    await run(voice)
  } catch (error) {
    terminal.note(`volant: process ${group.rank} of ${group.size}: ${(error as Error).message}`)
    group.abort(1)
  }
  group.leave()
}

async function trainAndTell(
  data: string,
  given: TrainOptions,
  terminal: Terminal,
  parallel?: ProcessGroup,
): Promise<void> {
  const { out, json } = given
  checkFree(out!, given.force)
  const { signal } = terminal
  const opened: Table[] = []
  const open = async (file: string | undefined) => {
    if (file === undefined) return undefined
    const table = await openTable(file, { signal })
    opened.push(table)
    if (table.rejectedCount) {
      const { line, reason } = table.rejected[0]!
      terminal.note(`note: ${file}: ${table.rejectedCount} malformed rows left out (first: line ${line}, ${reason})`)
    }
    return table
  }
  const progress = trainProgress(terminal)
  try {
    const table = (await open(data))!
    const notes: string[] = []
    const spec = await specOf(table, given, (note) => {
      notes.push(note)
      terminal.note(`note: ${note}`)
    })
    const report = await trainModel({
      data: table,
      valid: await open(given.valid),
      test: await open(given.test),
      spec,
      out: out!,
      checkpoints: unfinishedOf(out!),
      parallel,
      threads: parallel && Math.max(1, Math.floor(availableParallelism() / parallel.onThisMachine)),
      notes,
      onEvent: progress.onEvent,
      signal,
    })
    progress.end()
    if (json) return terminal.print(JSON.stringify(report))
    terminal.print(
      trainSummary(report, (output) => (report.positive[output] ? ` (positive: ${report.positive[output]})` : '')),
    )
  } finally {
    progress.end()
    await Promise.all(opened.map((table) => table.close()))
  }
}

function checkUsage(given: TrainOptions): void {
  if (!given.out) throw new Usage('train needs --out: the folder to write the model to')
  if (given.spec && (given.inputs || given.outputs)) {
    throw new Usage('--spec already names inputs and outputs: leave out --inputs and --outputs, or --spec')
  }
  if (!given.spec && !given.outputs) throw new Usage('train needs --outputs (the columns to predict) or --spec')
  const [, valid, test] = given.split ?? [0, 0, 0]
  for (const [part, share, file] of [
    ['valid', valid, given.valid],
    ['test', test, given.test],
  ] as const) {
    if (given.split && file && share > 0) {
      throw new Usage(
        `--split gives a share to the ${part} part, but --${part} ${file} is that part: set its share to 0`,
      )
    }
  }
}

/** The spec of a training: a file's or an inferred one, changed by the options that were given. */
async function specOf(table: Table, given: TrainOptions, note: (text: string) => void): Promise<Spec> {
  const changes = {
    ...(given.seed !== undefined && { seed: given.seed }),
    ...(given.timeLimit !== undefined && { timeLimit: given.timeLimit }),
    ...(given.epochs !== undefined && { epochs: given.epochs }),
    ...(given.encoder !== undefined && { encoder: given.encoder }),
    ...(given.base !== undefined && { base: given.base }),
    ...(given.tune !== undefined && { tune: given.tune }),
    ...(given.learn !== undefined && { learn: given.learn }),
    ...(given.split !== undefined && { split: given.split }),
    ...(given.noRefit && { refit: false }),
  }
  if (given.spec) {
    const spec = parseSpec(readSpec(given.spec))
    return parseSpec({ ...spec, train: { ...spec.train, ...changes } })
  }
  const { spec, notes } = await inferSpec(table, { inputs: given.inputs, outputs: given.outputs! })
  for (const text of notes) note(text)
  return parseSpec({ ...spec, train: { ...spec.train, ...changes } })
}

function readSpec(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (cause) {
    throw new VolantError(
      'missing-file',
      `The spec ${file} cannot be read (${(cause as NodeJS.ErrnoException).code}).`,
      {},
      { cause },
    )
  }
}
