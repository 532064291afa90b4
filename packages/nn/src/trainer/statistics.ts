import { add, type GraphBuilder, mul, sub, type Value, where } from '@volant/graph'
import type { Observed } from '../modules/context.js'

/**
 * The statistics after an update: former + momentum * (shown - former), or as they were where the step is spoiled. `finite`
 * descends from loss and gradients, so nothing that reads a statistic can run after it was updated in place.
 */
export function moveStatistics(observed: readonly Observed[], finite: Value): Map<string, Value> {
  return new Map(
    observed.map(({ path, former, shown, momentum }) => {
      const moved = add(former, mul(sub(shown, former), momentum))
      return [path, where(finite, moved, former)]
    }),
  )
}

/** Path of the sum, over an update's batches (and processes), of what they show of a statistic. */
export const shownPath = (path: string) => `${path}:shown`

/** Adds what this batch shows, weighted by its share of the update's rows, to the resident sums. */
export function sumShown(builder: GraphBuilder, observed: readonly Observed[], share: Value): Map<string, Value> {
  return new Map(
    observed.map(({ path, shown }) => {
      const sum = builder.parameter(shownPath(path), shown.shape as number[])
      return [shownPath(path), add(sum, mul(shown, share))]
    }),
  )
}

/** The same statistics in another graph, where the resident sums are what was shown. */
export function shownBefore(builder: GraphBuilder, observed: readonly Observed[]): Observed[] {
  return observed.map(({ path, former, momentum }) => {
    const shape = former.shape as number[]
    return { path, momentum, former: builder.parameter(path, shape), shown: builder.parameter(shownPath(path), shape) }
  })
}
