import { printShape, readSafetensors, type Tensor, writeSafetensors } from '@volant/graph'
import { readIfThere, writeWhole } from '#platform'
import { NnError } from '../errors.js'
import type { LossScale } from './loss-scale.js'
import type { EpochRecord, Validation } from './settings.js'

/** Where a run stands between two updates, apart from its tensors. */
export interface Progress {
  /** Updates done. */
  step: number
  /** Sum of loss * rows, and rows, of the present epoch. */
  lossSum: number
  lossRows: number
  history: EpochRecord[]
  bestScore: number
  bestEpoch: number
  stoppedEarly: boolean
  /** Validation before the first update, where it was asked for. */
  first?: Validation
  /** Of a training in float16. */
  lossScale?: LossScale
}

export interface Checkpoint {
  readonly progress: Progress
  /** Parameters, optimiser state: everything resident. */
  readonly state: Record<string, Tensor>
  /** Best weights so far, if any. */
  readonly best: Map<string, Tensor>
}

const BEST = 'best:'
const FORMAT = 'volant-checkpoint-1'

/** Writes the checkpoint beside the file and renames it there, so that the file is whole at any moment. */
export async function saveCheckpoint(
  file: string,
  fingerprint: string,
  { progress, state, best }: Checkpoint,
): Promise<void> {
  const tensors = new Map(Object.entries(state).sort(([a], [b]) => (a < b ? -1 : 1)))
  for (const [path, tensor] of best) tensors.set(BEST + path, tensor)
  const bytes = writeSafetensors(tensors, {
    format: FORMAT,
    fingerprint,
    progress: JSON.stringify(progress, infinities),
  })
  await writeWhole(file, bytes).catch((cause: Error) => {
    throw new NnError(
      'checkpoint-not-written',
      `Checkpoint "${file}" could not be written: ${cause.message}`,
      { file },
      { cause },
    )
  })
}

/**
 * Reads a checkpoint of this very run, which holds tensors of these dims; undefined when there is no file. Throws NnError
 * `bad-checkpoint` (spoiled, cut short, of another version), `other-run` (naming what another model has or lacks).
 */
export async function loadCheckpoint(
  file: string,
  fingerprint: string,
  expected: ReadonlyMap<string, readonly number[]>,
): Promise<Checkpoint | undefined> {
  const bytes = await readIfThere(file)
  if (!bytes) return undefined
  const { checkpoint, fingerprint: found } = open(file, bytes)
  if (found === fingerprint) return checkpoint
  const misfit = misfitOf(checkpoint.state, expected)
  throw new NnError(
    'other-run',
    misfit
      ? `Checkpoint "${file}" belongs to another model or optimiser: ${misfit}; delete it to start anew`
      : `Checkpoint "${file}" belongs to a run with other settings or data, or of another version; delete it to start anew`,
    { file, misfit },
  )
}

/**
 * The weights that a checkpoint of any run goes on from, with the optimiser's state, and the updates they have had: `initial` and
 * `initialSteps` of a training that is to continue from them. Throws NnError `bad-checkpoint`.
 */
export async function readCheckpoint(file: string): Promise<{ weights: Map<string, Tensor>; steps: number }> {
  const bytes = await readIfThere(file)
  if (!bytes) throw new NnError('bad-checkpoint', `There is no checkpoint "${file}"`, { file })
  const { state, progress } = open(file, bytes).checkpoint
  return { weights: new Map(Object.entries(state)), steps: progress.step }
}

function open(file: string, bytes: Uint8Array): { checkpoint: Checkpoint; fingerprint: string | undefined } {
  const { tensors, metadata } = parse(file, bytes)
  const { format, fingerprint } = metadata as Record<string, string | undefined>
  if (format !== FORMAT) {
    const what = format?.startsWith('volant-checkpoint-')
      ? `was written by another version (format "${format}", this one reads "${FORMAT}")`
      : 'is no checkpoint of a training'
    throw new NnError('bad-checkpoint', `"${file}" ${what}; delete it to start anew`, { file, format })
  }
  const state: Record<string, Tensor> = {}
  const best = new Map<string, Tensor>()
  for (const [name, tensor] of tensors) {
    if (name.startsWith(BEST)) best.set(name.slice(BEST.length), tensor)
    else state[name] = tensor
  }
  const progress = JSON.parse(metadata['progress']!, revive) as Progress
  return { checkpoint: { progress, state, best }, fingerprint }
}

/** The first difference in names and dims, as a clause. */
function misfitOf(
  state: Readonly<Record<string, Tensor>>,
  expected: ReadonlyMap<string, readonly number[]>,
): string | undefined {
  for (const [path, dims] of expected) {
    const found = state[path]
    if (!found) return `it lacks "${path}"`
    if (String(found.dims) !== String(dims))
      return `"${path}" is ${printShape(found.dims)}, expected ${printShape(dims)}`
  }
  const extra = Object.keys(state).find((path) => !expected.has(path))
  return extra === undefined ? undefined : `it has "${extra}"`
}

function parse(file: string, bytes: Uint8Array) {
  try {
    return readSafetensors(bytes)
  } catch (cause) {
    throw new NnError(
      'bad-checkpoint',
      `"${file}" is no checkpoint: ${(cause as Error).message}; delete it to start anew`,
      { file },
      { cause },
    )
  }
}

/** JSON has no infinity, and the best score starts there. */
const infinities = (_: string, value: unknown) => (value === Number.POSITIVE_INFINITY ? 'Infinity' : value)
const revive = (_: string, value: unknown) => (value === 'Infinity' ? Number.POSITIVE_INFINITY : value)
