import type { Dim } from '../dims.js'
import { GraphError } from '../error.js'
import type { Value } from '../graph.js'
import { apply, axesOf, axisOf } from './apply.js'
import { div, sqrt, sub } from './elementwise.js'
import { countOf } from './shape.js'

type Axes = number | readonly number[]

/** Sum over the axes (all of them by default). `keepDims` leaves 1 in their place, here and in all that follow. */
export const reduceSum = (x: Value, axes?: Axes, keepDims = false): Value => reduce('reduceSum', x, axes, keepDims)

/** Mean over the axes; NaN over no elements. */
export const reduceMean = (x: Value, axes?: Axes, keepDims = false): Value => reduce('reduceMean', x, axes, keepDims)

/** Largest element over the axes. Where several are the largest, the gradient is shared among them. */
export const reduceMax = (x: Value, axes?: Axes, keepDims = false): Value => reduce('reduceMax', x, axes, keepDims)

/** Smallest element over the axes. Where several are the smallest, the gradient is shared among them. */
export const reduceMin = (x: Value, axes?: Axes, keepDims = false): Value => reduce('reduceMin', x, axes, keepDims)

/** Product over the axes. */
export const reduceProduct = (x: Value, axes?: Axes, keepDims = false): Value =>
  reduce('reduceProduct', x, axes, keepDims)

/** Sum of squares over the axes, in one node: gradient norms. */
export const reduceSumSquare = (x: Value, axes?: Axes, keepDims = false): Value =>
  reduce('reduceSumSquare', x, axes, keepDims)

/** Mean of squares over the axes. Neither the squares nor a gradient spread over them take memory. */
export function meanSquare(x: Value, axes?: Axes, keepDims = false): Value {
  const over = axesOf(x, axes, 'meanSquare')
  return div(reduceSumSquare(x, over, keepDims), countOf(x, over))
}

/** log Σ eˣ over the axes, without overflow. */
export const logSumExp = (x: Value, axes?: Axes, keepDims = false): Value => reduce('logSumExp', x, axes, keepDims)

/** Mean square distance from the mean over the axes: Σ (x - mean)² / (n - correction). 1 corrects the bias of a sample. */
export function variance(x: Value, axes?: Axes, keepDims = false, correction = 0): Value {
  const over = axesOf(x, axes, 'variance')
  const count = countOf(x, over)
  if (typeof count === 'number' && count <= correction)
    throw new GraphError(`a variance over ${count} elements with the correction ${correction} is not defined`, {
      op: 'variance',
      path: x.builder.path,
      shapes: [x.shape],
    })
  const deviation = sub(x, reduceMean(x, over, true))
  if (correction === 0) return meanSquare(deviation, over, keepDims)
  return div(
    reduceSumSquare(deviation, over, keepDims),
    typeof count === 'number' ? count - correction : sub(count, correction),
  )
}

/** Square root of `variance`. The gradient is not finite where all elements are equal. */
export const standardDeviation = (x: Value, axes?: Axes, keepDims = false, correction = 0): Value =>
  sqrt(variance(x, axes, keepDims, correction))

const reduce = (op: string, x: Value, axes: Axes | undefined, keepDims: boolean): Value =>
  apply(op, [x], { axes: axesOf(x, axes, op), keepDims })

/** Index of the first largest element, int64. */
export const argMax = (x: Value, axis: number, keepDims = false): Value =>
  apply('argMax', [x], { axis: axisOf(x, axis, 'argMax'), keepDims })

/** Index of the first smallest element, int64. */
export const argMin = (x: Value, axis: number, keepDims = false): Value =>
  apply('argMin', [x], { axis: axisOf(x, axis, 'argMin'), keepDims })

export interface TopKOptions {
  /** Default: the last. */
  axis?: number
  /** False: the smallest, in rising order. Default true. */
  largest?: boolean
}

/** The k largest along an axis, in falling order, with their indices (int64); of equal elements the first. */
export function topK(
  x: Value,
  k: Dim,
  { axis = -1, largest = true }: TopKOptions = {},
): { values: Value; indices: Value } {
  const [values, indices] = x.builder.append('topK', [x], { k, axis: axisOf(x, axis, 'topK'), largest })
  return { values: values!, indices: indices! }
}

export interface CumSumOptions {
  /** Without the element itself. */
  exclusive?: boolean
  /** From the end. */
  reverse?: boolean
}

/** Sums of all elements up to each one along the axis; the shape of x. */
export const cumSum = (x: Value, axis: number, { exclusive = false, reverse = false }: CumSumOptions = {}): Value =>
  apply('cumSum', [x], { axis: axisOf(x, axis, 'cumSum'), exclusive, reverse })
