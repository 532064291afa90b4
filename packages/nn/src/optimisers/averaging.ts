import { add, mul, sub, type Value } from '@volant/graph'
import { NnError } from '../errors.js'

/**
 * Keep a running mean of the weights beside them (Polyak and Juditsky 1992): average' = d average + (1 - d) weight after each
 * update, d = min(decay, (1 + t) / (10 + t)) at update t, so that the first weights are soon forgotten. Validation and result are
 * those of the averages. Tables updated by row and statistics are left out: the present ones are used.
 */
export interface Averaging {
  /** In [0, 1); 0.999 remembers about a thousand updates. */
  readonly decay: number
}

/** The resident tensor that holds a parameter's average. */
export const averagePath = (path: string) => `${path}:average`

/** Name of the scalar input 1 - d. */
export const AVERAGING_RATE = 'averaging.rate'

/** The averaging's scalar inputs at an update, which counts from 1. */
export function averagingScalars(averaging: Averaging | undefined, step: number): Record<string, number> {
  return averaging ? { [AVERAGING_RATE]: 1 - Math.min(averaging.decay, (1 + step) / (10 + step)) } : {}
}

/** average + rate (weight - average) */
export const moveAverage = (average: Value, weight: Value, rate: Value): Value =>
  add(average, mul(sub(weight, average), rate))

export function checkAveraging({ decay }: Averaging): void {
  if (!(decay >= 0 && decay < 1))
    throw new NnError('bad-settings', `train: average.decay is ${decay}, expected a number from 0 to below 1`, {
      decay,
    })
}
