import { existsSync } from 'node:fs'
import { rm, rmdir } from 'node:fs/promises'
import { resolve } from 'node:path'
import { type Table, VolantError } from '@volant/data'
import { openSession, type ProcessGroup } from '@volant/nn'
import type { TrainedCandidate } from '../candidates/candidate.js'
import { assemble } from '../folder/assemble.js'
import { modelCard } from '../folder/card.js'
import { makeExamples } from '../folder/examples.js'
import { formatName, formatVersion } from '../folder/format.js'
import { checkTarget, modelId, writeFolder } from '../folder/write.js'
import { answerRows } from '../predict/answer.js'
import type { Spec } from '../spec/schema.js'
import { offeredBase, openBase } from './base.js'
import { baselineFigures, majorityAnswers } from './baselines.js'
import { blendedAnswers, type Part, type Share } from './choose.js'
import type { Dataset } from './dataset.js'
import { Progress, type TrainEvent } from './events.js'
import { type Answers, intervalsOf, measureOutputs } from './measure.js'
import { type FittedOutput, fitOutputs } from './outputs.js'
import { type Parts, readParts, refitRows } from './parts.js'
import type { Measured, RejectedRows, TrainReport } from './report.js'
import { type Search, searchCandidates, trainAgain } from './search.js'
import { usableInputs } from './usable.js'

export interface TrainOptions {
  data: Table
  valid?: Table
  test?: Table
  spec: Spec
  /** The model folder: written under a temporary name beside it, then renamed. */
  out: string
  onEvent?: (event: TrainEvent) => void
  /** Aborting throws VolantError `cancelled` and leaves nothing behind but `checkpoints`. */
  signal?: AbortSignal
  /**
   * Folder where networks save their state as they are trained. The same training, started again after an interruption, goes on
   * from there; it is removed once the model is written.
   */
  checkpoints?: string
  /**
   * Processes that train together, from `joinProcesses`; all call `train` with the same options, and rank 0 writes the folder.
   * Networks are trained on shares of each batch; everything else is done by every process.
   */
  parallel?: ProcessGroup
  /** What was said before the training, such as columns left out: kept in the report and the model card. */
  notes?: readonly string[]
  /** Whether `train.base` may be a folder of this machine, and not only a model of the hub; true unless said otherwise. */
  baseFolders?: boolean
  /** Kept as it is in model.json. */
  lineage?: Record<string, unknown>
  /** Threads of the runtime; by default one a core. */
  threads?: number
}

/**
 * Trains the model a spec describes and writes its folder: reads and divides the rows, trains baselines and candidates,
 * chooses by validation, trains the choice again on train + valid, measures the model file itself, writes.
 * Same spec, rows and versions: the same model. Throws VolantError.
 */
export async function train(options: TrainOptions): Promise<TrainReport> {
  const progress = new Progress(options.onEvent ?? (() => {}))
  try {
    return await run(options, progress)
  } catch (error) {
    if (options.signal?.aborted) {
      const kept =
        options.checkpoints && existsSync(options.checkpoints)
          ? `what was trained so far is kept in "${options.checkpoints}", and the same command goes on from there`
          : 'nothing was written'
      throw new VolantError('cancelled', `The training was cancelled; ${kept}.`, {}, { cause: error })
    }
    throw await savingFailed(error, options)
  }
}

/** A network's state that could not be saved for want of space, in our words; nothing of it is left. Other errors unchanged. */
async function savingFailed(error: unknown, { out, checkpoints }: TrainOptions): Promise<unknown> {
  const { code } = ((error as Error).cause ?? error) as NodeJS.ErrnoException
  if (error instanceof VolantError || !/^(ENOSPC|EDQUOT|EFBIG)$/.test(code ?? '')) return error
  // An earlier state in it would still be worth going on from.
  if (checkpoints) await rmdir(checkpoints).catch(() => {})
  return new VolantError(
    'disk-full',
    `The disk is full: the training of "${out}" could not save its state; free some space and repeat.`,
    { path: out },
    { cause: error },
  )
}

async function run(options: TrainOptions, progress: Progress): Promise<TrainReport> {
  const { signal } = options
  await checkTarget(options.out)
  for (const note of [...(options.notes ?? []), ...tableNotes(options)]) progress.keep(note)
  progress.enter('read', 'Reading the rows')
  const read = await readParts(options, options.spec, (note) => progress.note(note))
  const { spec, parts } = usableInputs(options.spec, read, (note) => progress.note(note))
  const outputs = fitOutputs(spec, refitRows(parts), (note) => progress.note(note))
  signal?.throwIfAborted()

  const { threads, checkpoints, parallel } = options
  const base = (await openBase(spec, options, progress)) ?? (await offeredBase(spec, parts.train))
  const input = { spec, outputs, parts, base, signal, progress, threads, checkpoints, parallel }
  const search = await searchCandidates(input)
  const valid = validAnswers(search, outputs)
  const shipped = await trainAgain(search, input)

  progress.enter('evaluate', 'Measuring the model')
  const model = assemble(outputs, shipped.parts, search.blend)
  const session = await openSession(model.onnx, { threads: options.threads ?? 2, worker: true })
  try {
    signal?.throwIfAborted()
    const answersTo = (data: Dataset) =>
      answerRows(session, model.encoders, outputs, data.inputs, data.rows, (done) => {
        signal?.throwIfAborted()
        progress.advance(done)
      })
    const test = parts.test ? await answersTo(parts.test) : null
    signal?.throwIfAborted()
    const id = modelId(model.onnx)
    const report = makeReport({ options, spec, parts, outputs, search, valid, test, shipped, progress, id })
    const examples = await makeExamples(session, model.encoders, model.signature, parts.test ?? refitRows(parts))
    progress.enter('write', 'Writing the model folder')
    const content = {
      ...model,
      adapters: shipped.parts.flatMap(({ candidate }) => candidate.adapters ?? []),
      examples,
      card: modelCard(report, outputs, parts, { valid, test }, options.lineage ?? {}),
      model: {
        format: formatName as typeof formatName,
        version: formatVersion,
        id,
        spec: report.spec,
        outputs: Object.fromEntries(outputs.map(({ name, state }) => [name, state])),
        parts: shipped.parts.map(({ candidate, weights, calibration }) => ({
          candidate: candidate.name,
          found: candidate.found,
          weights,
          calibration,
        })),
        blend: search.blend,
        signature: model.signature,
        report,
        lineage: options.lineage ?? {},
      },
    }
    if (!parallel || parallel.rank === 0) {
      await writeFolder(options.out, content, signal)
      if (checkpoints) await rm(checkpoints, { recursive: true, force: true })
    }
    return report
  } finally {
    await session.release()
  }
}

/** How the files were read. */
function tableNotes(options: TrainOptions): string[] {
  const read = tablesOf(options).flatMap(({ path, notes }) => notes.map((note) => `"${path}": ${note}`))
  const malformed = rejectedRows(options).map(
    ({ path, rows, first }) =>
      `"${path}": ${rows} malformed ${rows === 1 ? 'row was' : 'rows were'} left out (first: line ${first.line}, ${first.reason}).`,
  )
  return [...read, ...malformed]
}

function rejectedRows(options: TrainOptions): RejectedRows[] {
  return tablesOf(options).flatMap(({ path, rejectedCount, rejected: [first] }) =>
    first ? [{ path, rows: rejectedCount, first: { line: first.line, reason: first.reason } }] : [],
  )
}

const tablesOf = ({ data, valid, test }: TrainOptions): Table[] => [data, valid, test].filter((table) => !!table)

/** What the choice, trained on the training rows alone, says of the validation rows. */
function validAnswers({ shares, blend, validRaw }: Search, outputs: readonly FittedOutput[]): Answers | null {
  if (!validRaw) return null
  const parts = shares.map((share) => ({ ...share, raw: validRaw.get(share.candidate)! }))
  return blendedAnswers(outputs, parts, blend)
}

interface ReportInput {
  options: TrainOptions
  spec: Spec
  parts: Parts
  outputs: readonly FittedOutput[]
  search: Search
  valid: Answers | null
  test: Answers | null
  shipped: { parts: readonly Part[]; linear: TrainedCandidate; linearShare: Share; linearTest: Answers | null }
  progress: Progress
  id: string
}

function makeReport(input: ReportInput): TrainReport {
  const { options, spec, parts, outputs, search, valid, test, shipped, progress, id } = input
  const seconds = progress.seconds
  const rows = parts.train.rows + parts.valid.rows + (parts.test?.rows ?? 0)
  const tasks = new Set(outputs.map(({ type }) => type.task))
  const measured = <T>(
    measure: (data: Dataset, answers: Answers) => T,
    of: { valid: Answers | null; test: Answers | null },
  ) => ({
    valid: of.valid && parts.valid.rows > 0 ? measure(parts.valid, of.valid) : null,
    test: of.test && parts.test ? measure(parts.test, of.test) : null,
  })
  const metrics = (of: {
    valid: Answers | null
    test: Answers | null
  }): Measured<ReturnType<typeof measureOutputs>[string]> =>
    measured((data, answers) => measureOutputs(outputs, data, answers), of)
  const own = { valid, test }
  return {
    model: resolve(options.out),
    id,
    task: outputs.length > 1 ? 'multi' : [...tasks][0]!,
    seconds,
    examplesPerSecond: rows / seconds,
    parameters: shipped.parts.reduce((sum, { candidate }) => sum + parametersOf(candidate), 0),
    spec: {
      ...spec,
      train: {
        ...spec.train,
        ...(search.base && { base: search.base.name }),
        candidates: search.plan.candidates.map(({ name }) => name),
      },
    },
    ...(search.base && { base: search.base }),
    split: parts.report,
    chosen: search.shares.map(({ calibration: _, ...share }) => share),
    metrics: metrics(own),
    intervals: measured((data, answers) => intervalsOf(outputs, data, answers, spec.train.seed), own),
    baselines: {
      majority: metrics(majorityAnswers(outputs, parts)),
      linear: metrics(baselineFigures(search, shipped.linearTest, outputs)),
    },
    positive: Object.fromEntries(
      outputs.flatMap(({ name, state }) =>
        state.positive === undefined ? [] : [[name, state.classes![state.positive]!]],
      ),
    ),
    rejected: rejectedRows(options),
    notes: progress.notes,
  }
}

function parametersOf(candidate: TrainedCandidate): number {
  return [...candidate.parameters.values()].reduce((sum, { data }) => sum + data.length, 0)
}
