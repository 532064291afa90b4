import { type Share, wholeOf } from '../parallel/shard.js'
import type { Random } from '../random.js'
import type { StepRows } from './order.js'
import type { Batch, TrainingData } from './settings.js'

/** The made batches of one update. */
export interface MadeStep {
  /** Rows of the update, over all processes. */
  readonly rows: number
  readonly batches: readonly { readonly tensors: Batch; readonly rows: number; readonly first: number }[]
}

/**
 * Makes the batches of each update, always one update ahead of the one handed out. `random` gives the random numbers of the
 * n-th update here, from 0; `share` takes this process's rows.
 */
export async function* batchesAhead(
  data: TrainingData,
  steps: Iterable<StepRows>,
  random: (place: number) => Random,
  share: (step: StepRows) => Share[] = wholeOf,
): AsyncGenerator<MadeStep> {
  let next: Promise<MadeStep> | undefined
  let place = 0
  for (const rows of steps) {
    const present = next
    next = make(data, rows, share(rows), random(place++))
    next.catch(() => {}) // reported when it is its turn
    if (present) yield await present
  }
  if (next) yield await next
}

async function make(data: TrainingData, step: StepRows, share: readonly Share[], random: Random): Promise<MadeStep> {
  const batches = []
  for (const { rows, first } of share)
    batches.push({ tensors: await data.batch(rows, random), rows: rows.length, first })
  return { batches, rows: step.reduce((sum, rows) => sum + rows.length, 0) }
}
