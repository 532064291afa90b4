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
 * The batches of each update, made one update ahead. `random` gives the random numbers of the n-th update here, from 0; `share`
 * takes this process's rows.
 */
export class BatchesAhead {
  readonly #steps: Iterator<StepRows>
  #next: Promise<MadeStep> | undefined
  #place = 0

  constructor(
    readonly data: TrainingData,
    steps: Iterable<StepRows>,
    readonly random: (place: number) => Random,
    readonly share: (step: StepRows) => Share[] = wholeOf,
  ) {
    this.#steps = steps[Symbol.iterator]()
    this.makeNext()
  }

  /** Begins to make the next update's batches: to be called once the runtime has been given the present ones. */
  makeNext(): void {
    const { value: step, done } = this.#steps.next()
    this.#next = done ? undefined : make(this.data, step, this.share(step), this.random(this.#place++))
    this.#next?.catch(() => {}) // reported when it is its turn
  }

  /** The batches made last; undefined after those of the last update. */
  async take(): Promise<MadeStep | undefined> {
    return this.#next
  }
}

async function make(data: TrainingData, step: StepRows, share: readonly Share[], random: Random): Promise<MadeStep> {
  const batches = []
  for (const { rows, first } of share)
    batches.push({ tensors: await data.batch(rows, random), rows: rows.length, first })
  return { batches, rows: step.reduce((sum, rows) => sum + rows.length, 0) }
}
