import { div, maximum, mul, reduceMean, reduceSum, type Value } from '@volant/graph'

export interface MeanOptions {
  /** float32, shape of the losses that are averaged: 1 counts, 0 does not; or any weights >= 0. */
  readonly mask?: Value
}

/** The mean of losses, weighted by the mask if there is one; 0 when all is masked. */
export function meanOf(losses: Value, mask?: Value): Value {
  return mask ? div(reduceSum(mul(losses, mask)), maximum(reduceSum(mask), 1e-12)) : reduceMean(losses)
}
