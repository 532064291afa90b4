import type { Value } from '../graph.js'
import { apply, axisOf } from './apply.js'

/** Adds elements along an axis, mirrored at the ends without repeating these: `cba` of `bc` … Fewer than the axis has. */
export const padReflect = (x: Value, axis: number, before: number, after: number): Value =>
  padLike('padReflect', x, axis, before, after)

/** Adds copies of the first and last element along an axis. */
export const padEdge = (x: Value, axis: number, before: number, after: number): Value =>
  padLike('padEdge', x, axis, before, after)

function padLike(op: string, x: Value, axis: number, before: number, after: number): Value {
  const at = axisOf(x, axis, op)
  if (before === 0 && after === 0) return x
  return apply(op, [x], { axis: at, before, after })
}
