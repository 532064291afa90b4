import type { Dim } from '../dims.js'
import type { Value } from '../graph.js'
import { apply, axesOf, axisOf } from './apply.js'

type Axes = number | readonly number[]

/** Over the axes (all of them by default). `keepDims` leaves 1 in their place. */
export const reduceSum = (x: Value, axes?: Axes, keepDims = false): Value => reduce('reduceSum', x, axes, keepDims)
export const reduceMean = (x: Value, axes?: Axes, keepDims = false): Value => reduce('reduceMean', x, axes, keepDims)
/** Where several elements are the largest, the gradient is shared among them. */
export const reduceMax = (x: Value, axes?: Axes, keepDims = false): Value => reduce('reduceMax', x, axes, keepDims)
export const reduceSumSquare = (x: Value, axes?: Axes, keepDims = false): Value =>
  reduce('reduceSumSquare', x, axes, keepDims)

const reduce = (op: string, x: Value, axes: Axes | undefined, keepDims: boolean): Value =>
  apply(op, [x], { axes: axesOf(x, axes, op), keepDims })

/** Index of the first largest element, int64. */
export const argMax = (x: Value, axis: number, keepDims = false): Value =>
  apply('argMax', [x], { axis: axisOf(x, axis, 'argMax'), keepDims })

/** The k largest along the last axis, in falling order, with their indices (int64). */
export function topK(x: Value, k: Dim): { values: Value; indices: Value } {
  const [values, indices] = x.builder.append('topK', [x], { k })
  return { values: values!, indices: indices! }
}
