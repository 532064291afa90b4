import { readSafetensors, type Tensor, writeSafetensors } from '@volant/graph'
import { readIfThere, writeWhole } from '#platform'
import { NnError } from '../errors.js'
import type { EpochRecord } from './settings.js'

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

/** Reads a checkpoint of this very run; undefined when there is no file. Throws NnError `bad-checkpoint`, `other-run`. */
export async function loadCheckpoint(file: string, fingerprint: string): Promise<Checkpoint | undefined> {
  const bytes = await readIfThere(file)
  if (!bytes) return undefined
  const { tensors, metadata } = parse(file, bytes)
  if (metadata['format'] !== FORMAT)
    throw new NnError(
      'bad-checkpoint',
      `"${file}" is no checkpoint of this version (format ${metadata['format']}); delete it to start anew`,
      { file },
    )
  if (metadata['fingerprint'] !== fingerprint)
    throw new NnError(
      'other-run',
      `Checkpoint "${file}" belongs to a run with other settings or data; delete it to start anew`,
      { file },
    )
  const state: Record<string, Tensor> = {}
  const best = new Map<string, Tensor>()
  for (const [name, tensor] of tensors) {
    if (name.startsWith(BEST)) best.set(name.slice(BEST.length), tensor)
    else state[name] = tensor
  }
  return { progress: JSON.parse(metadata['progress']!, revive) as Progress, state, best }
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
