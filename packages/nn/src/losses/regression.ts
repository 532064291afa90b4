import { abs, less, maximum, meanSquare, mul, square, sub, unsqueeze, type Value, where } from '@volant/graph'
import { NnError } from '../errors.js'
import { meanOf } from './mean.js'

export interface RegressionOptions {
  /** float32, shape of the targets: 1 counts, 0 does not (its target may be NaN); or any weights >= 0. */
  readonly mask?: Value
}

/** Mean of (prediction - target)^2 over all elements, weighted by the mask; 0 when all is masked. */
export function meanSquaredError(prediction: Value, target: Value, { mask }: RegressionOptions = {}): Value {
  const error = difference(prediction, target, mask)
  return mask ? meanOf(square(error), mask) : meanSquare(error)
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
  return meanOf(where(less(size, delta), near, far), mask)
}

/**
 * Pinball loss, least where a share q of the targets lies below the prediction (Koenker and Bassett 1978): with e = target -
 * prediction, max(q e, (q - 1) e). One quantile: prediction and target of one shape. Several: prediction [..., Q] with a
 * column for each, target and mask [...]. Mean over all elements, weighted by the mask. Throws NnError `bad-quantile` for one
 * outside (0, 1).
 */
export function quantileLoss(
  prediction: Value,
  target: Value,
  options: RegressionOptions & { readonly quantile: number | readonly number[] },
): Value {
  const { mask, quantile } = options
  for (const q of [quantile].flat())
    if (!(q > 0 && q < 1))
      throw new NnError('bad-quantile', `quantileLoss: the quantile ${q} is not between 0 and 1`, { quantile: q })
  if (typeof quantile === 'number') return meanOf(pinball(difference(prediction, target, mask), quantile), mask)
  if (prediction.shape.at(-1) !== quantile.length)
    throw new NnError(
      'bad-quantile',
      `quantileLoss: ${quantile.length} quantiles need predictions [..., ${quantile.length}], found [${prediction.shape.join(', ')}]`,
      { quantile, shape: prediction.shape },
    )
  const column = (value: Value) => unsqueeze(value, -1)
  const own = mask && mul(column(mask), prediction.builder.constant(quantile.map(() => 1)))
  const error = difference(prediction, column(target), mask && column(mask))
  return meanOf(pinball(error, prediction.builder.constant(quantile)), own)
}

/** Of e = prediction - target: max((1 - q) e, -q e). */
const pinball = (error: Value, q: number | Value) =>
  maximum(mul(error, typeof q === 'number' ? 1 - q : sub(1, q)), mul(error, typeof q === 'number' ? -q : mul(q, -1)))

/** Masked elements differ by 0, so that a NaN in their target reaches neither loss nor gradient. */
function difference(prediction: Value, target: Value, mask?: Value): Value {
  if (!mask) return sub(prediction, target)
  const counts = less(0, mask)
  return sub(where(counts, prediction, 0), where(counts, target, 0))
}
