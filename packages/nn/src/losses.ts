import { abs, div, less, maximum, mul, reduceMean, reduceSum, square, sub, type Value, where } from '@volant/graph'

export { binaryCrossEntropy, crossEntropy } from '@volant/graph'

export interface RegressionOptions {
  /** float32, shape of the targets: 1 counts, 0 does not (its target may be NaN); or any weights >= 0. */
  readonly mask?: Value
}

/** Mean of (prediction - target)^2 over all elements, weighted by the mask; 0 when all is masked. */
export function meanSquaredError(prediction: Value, target: Value, { mask }: RegressionOptions = {}): Value {
  return average(square(difference(prediction, target, mask)), mask)
}

/** Like the squared error (halved) up to `delta`, linear beyond (Huber 1964); mean over all elements, weighted by the mask. */
export function huber(
  prediction: Value,
  target: Value,
  options: RegressionOptions & { readonly delta?: number } = {},
): Value {
  const { mask, delta = 1 } = options
  const error = difference(prediction, target, mask)
  const size = abs(error)
  const near = mul(square(error), 0.5)
  const far = mul(sub(size, delta / 2), delta)
  return average(where(less(size, delta), near, far), mask)
}

/** Masked elements differ by 0, so that a NaN in their target reaches neither loss nor gradient. */
function difference(prediction: Value, target: Value, mask?: Value): Value {
  if (!mask) return sub(prediction, target)
  const counts = less(0, mask)
  return sub(where(counts, prediction, 0), where(counts, target, 0))
}

function average(losses: Value, mask?: Value): Value {
  return mask ? div(reduceSum(mul(losses, mask)), maximum(reduceSum(mask), 1e-12)) : reduceMean(losses)
}
