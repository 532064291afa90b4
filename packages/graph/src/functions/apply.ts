import { GraphError } from '../error.js'
import type { Attributes, Value } from '../graph.js'

/** A value, or a number that becomes a scalar constant of the other operand's dtype. */
export type Operand = Value | number

/** Appends a node with one interesting output. */
export const apply = (op: string, inputs: readonly Value[], attributes?: Attributes): Value =>
  inputs[0]!.builder.append(op, inputs, attributes)[0]!

/** Both operands as values. */
export function operands(a: Operand, b: Operand): [Value, Value] {
  if (typeof a === 'number' && typeof b === 'number') throw new GraphError('one of two operands must be a graph value')
  if (typeof a === 'number') return [constantLike(b as Value, a), b as Value]
  return [a, typeof b === 'number' ? constantLike(a, b) : b]
}

const constantLike = (value: Value, number: number): Value => value.builder.constant(number, { dtype: value.dtype })

/** Counts from the end when negative; refuses what is out of range. */
export function axisOf(value: Value, axis: number, op: string): number {
  const rank = value.shape.length
  if (!Number.isInteger(axis) || axis < -rank || axis >= rank)
    throw new GraphError(`axis ${axis} is out of range for ${rank} dimensions`, {
      op,
      path: value.builder.path,
      shapes: [value.shape],
    })
  return axis < 0 ? axis + rank : axis
}

/** Sorted axes; all of them when none are named. */
export const axesOf = (value: Value, axes: number | readonly number[] | undefined, op: string): number[] =>
  axes === undefined
    ? value.shape.map((_, i) => i)
    : [...new Set([axes].flat().map((axis) => axisOf(value, axis, op)))].sort((a, b) => a - b)
