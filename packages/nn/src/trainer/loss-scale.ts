/**
 * Dynamic loss scaling (Micikevicius et al. 2018): gradients smaller than float16 can hold are lifted by a factor on the loss and
 * lowered again before the update. An overflow halves the factor, and its update is left out; so many good updates double it.
 */
export interface LossScale {
  readonly scale: number
  /** Updates since the factor last changed. */
  readonly good: number
}

export const firstLossScale: LossScale = { scale: 2 ** 16, good: 0 }

const PATIENCE = 2000
const LARGEST = 2 ** 24
/** An overflow that remains at this factor is none of the scaling. */
const SMALLEST = 1

/** The factor after an update; undefined when it cannot fall any more. */
export function nextLossScale({ scale, good }: LossScale, finite: boolean): LossScale | undefined {
  if (!finite) return scale / 2 < SMALLEST ? undefined : { scale: scale / 2, good: 0 }
  return good + 1 < PATIENCE ? { scale, good: good + 1 } : { scale: Math.min(scale * 2, LARGEST), good: 0 }
}
