import { addDims, type Dim, dim, divideDims, type Shape, sizeOf } from '../dims.js'
import { GraphError } from '../error.js'
import type { Builder, Value } from '../graph.js'
import type { DType } from '../tensor.js'
import { apply, axesOf, axisOf } from './apply.js'
import { cast, equal } from './elementwise.js'

/** Same elements in another shape; one dim may be -1. `reshape(x, ['B*T', 384])`. */
export function reshape(x: Value, shape: Shape): Value {
  const target = shape.map(dim)
  const open = target.indexOf(-1)
  if (open >= 0) {
    const inferred = divideDims(sizeOf(x.shape), sizeOf(target.toSpliced(open, 1)))
    if (inferred === undefined || target.indexOf(-1, open + 1) >= 0)
      throw new GraphError('cannot infer the dim given as -1', {
        op: 'reshape',
        path: x.builder.path,
        shapes: [x.shape, shape],
      })
    target[open] = inferred
  }
  if (x.shape.length === target.length && x.shape.every((d, i) => d === target[i])) return x
  return apply('reshape', [x], { shape: target })
}

/** Output axis i is input axis perm[i]. */
export const transpose = (x: Value, perm: readonly number[]): Value => apply('transpose', [x], { perm })

/** Joins values that are alike in all other axes, in order; a negative axis counts from the end. */
export const concat = (values: readonly Value[], axis: number): Value =>
  values.length === 1 ? values[0]! : apply('concat', values, { axis: axisOf(values[0]!, axis, 'concat') })

export interface SliceOptions {
  axis: number
  /** Negative numbers count from the end. Default 0. */
  start?: Dim
  /** Exclusive. Default: to the end. */
  end?: Dim
  /** At least 1. */
  step?: number
}

/** Elements start, start + step, … below end of one axis; the others stay whole. */
export function slice(x: Value, { axis, start = 0, end, step = 1 }: SliceOptions): Value {
  const at = axisOf(x, axis, 'slice')
  const size = x.shape[at]!
  const fromEnd = (d: Dim) => (typeof d === 'number' && d < 0 ? addDims(size, d) : dim(d))
  return apply('slice', [x], { axis: at, start: fromEnd(start), end: fromEnd(end ?? size), step })
}

/** The same elements, those of one axis in the opposite order. */
export const flip = (x: Value, axis: number): Value => apply('flip', [x], { axis: axisOf(x, axis, 'flip') })

/** Cuts an axis into pieces of the given sizes, which must sum to it. */
export const split = (x: Value, sizes: readonly Dim[], axis: number): Value[] =>
  x.builder.append('split', [x], { sizes: sizes.map(dim), axis: axisOf(x, axis, 'split') })

/** Repeats dims of 1 (and adds leading dims) up to the shape. */
export function expand(x: Value, shape: Shape): Value {
  const target = shape.map(dim)
  if (x.shape.length === target.length && x.shape.every((d, i) => d === target[i])) return x
  return apply('expand', [x], { shape: target })
}

/** Removes axes of size 1. */
export function squeeze(x: Value, axes: number | readonly number[]): Value {
  const gone = axesOf(x, axes, 'squeeze')
  for (const axis of gone)
    if (x.shape[axis] !== 1)
      throw new GraphError(`axis ${axis} is not of size 1`, { op: 'squeeze', path: x.builder.path, shapes: [x.shape] })
  return reshape(
    x,
    x.shape.filter((_, i) => !gone.includes(i)),
  )
}

/** Adds axes of size 1, at these positions of the result. */
export function unsqueeze(x: Value, axes: number | readonly number[]): Value {
  const rank = x.shape.length + [axes].flat().length
  const added = [axes].flat().map((axis) => (axis < 0 ? axis + rank : axis))
  const rest = [...x.shape]
  return reshape(
    x,
    Array.from({ length: rank }, (_, i) => (added.includes(i) ? 1 : rest.shift()!)),
  )
}

/** Adds `before` and `after` elements of a value along an axis. */
export const pad = (x: Value, axis: number, before: Dim, after: Dim, value = 0): Value =>
  before === 0 && after === 0
    ? x
    : apply('pad', [x], { axis: axisOf(x, axis, 'pad'), before: dim(before), after: dim(after), value })

/** The shape as an int64 vector. */
export const shapeOf = (x: Value): Value => apply('shapeOf', [x])

/** A dim as an int64 scalar. */
export const dimension = (builder: Builder, value: Dim): Value =>
  builder.append('dimension', [], { dim: dim(value) })[0]!

/** How many elements the axes have together: a number, or a scalar of x's dtype where that is known at run time only. */
export function countOf(x: Value, axes: readonly number[]): Value | number {
  const count = sizeOf(axes.map((axis) => x.shape[axis]!))
  return typeof count === 'number' ? count : cast(dimension(x.builder, count), x.dtype)
}

/** 0, 1, … limit-1 as int64 [limit]. */
export const range = (builder: Builder, limit: Dim): Value => builder.append('range', [], { limit: dim(limit) })[0]!

/** A shape full of one number. */
export const fill = (builder: Builder, shape: Shape, value: number, dtype: DType = 'float32'): Value =>
  builder.append('fill', [], { shape: shape.map(dim), value, dtype })[0]!

/** Zeros of the shape and dtype of x. */
export const zerosLike = (x: Value): Value => fill(x.builder, x.shape, 0, x.dtype)

/** Slices of x along the axis, `table[..., ids, ...]`; ids are int64 or int32, never negative. */
export const gather = (table: Value, ids: Value, axis = 0): Value =>
  apply('gather', [table, ids], { axis: axisOf(table, axis, 'gather') })

/** `y[i][j] = x[indices[i][j]][j]` for axis 0; indices and result have one shape. */
export const gatherElements = (x: Value, indices: Value, axis: number): Value =>
  apply('gatherElements', [x, indices], { axis: axisOf(x, axis, 'gatherElements') })

/** Adds rows into a zero table: updates of shape ids.shape ++ rest give [rows, ...rest]. The gradient of gather. */
export const scatterAdd = (updates: Value, ids: Value, rows: Dim): Value =>
  apply('scatterAdd', [updates, ids], { rows: dim(rows) })

/** `y = data; y[indices[i][j]][j] += updates[i][j]` for axis 0. */
export const scatterElementsAdd = (data: Value, indices: Value, updates: Value, axis: number): Value =>
  apply('scatterElementsAdd', [data, indices, updates], { axis: axisOf(data, axis, 'scatterElementsAdd') })

/** `y = data; y[indices[i][j]][j] = updates[i][j]` for axis 0. No place may be named twice. */
export const scatterElements = (data: Value, indices: Value, updates: Value, axis: number): Value =>
  apply('scatterElements', [data, indices, updates], { axis: axisOf(data, axis, 'scatterElements') })

/** `y = table; y[ids[i]] = rows[i]`; ids [U], rows [U, ...]. No row may be named twice. */
export const scatterRows = (table: Value, ids: Value, rows: Value): Value => apply('scatterRows', [table, ids, rows])

/** 1 at the index and 0 elsewhere: ids [...] -> [..., classes]; an id out of range gives zeros. */
export const oneHot = (ids: Value, classes: Dim, dtype: DType = 'float32'): Value =>
  cast(equal(unsqueeze(ids, -1), cast(range(ids.builder, classes), ids.dtype)), dtype)
