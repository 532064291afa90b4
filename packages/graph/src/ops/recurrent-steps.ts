import type { Emitter } from '../onnx/emitter.js'

// How a recurrence lies in memory. The values of a step are columns of each direction, [D, width, B]: the recurrent products then
// read the weights as they lie and pack only the small state, those of two directions have a thread each, and all else is done for
// both at once. What the cell keeps, [T, D, width, B], lies in the order of the steps: of a direction against time the last comes
// first. What meets the weights is cut apart, [T, width, B] in the order of time: its sums over all steps then stay in the cache.

export type Direction = 'forward' | 'reverse' | 'bidirectional'

export const directionCount = (direction: Direction): 1 | 2 => (direction === 'bidirectional' ? 2 : 1)

/** Of each direction whether it goes against time. */
export const directions = (direction: Direction): boolean[] =>
  direction === 'bidirectional' ? [false, true] : [direction === 'reverse']

/** [..., a, b] -> [..., b, a] of three axes. */
export const turned = (emit: Emitter, name: string): string => emit.op('Transpose', [name], { perm: [0, 2, 1] })

/** Cut along the axis of the directions. */
export const apart = (emit: Emitter, name: string, axis: number, D: number): readonly string[] =>
  D === 1 ? [name] : emit.ops('Split', [name], D, { axis, num_outputs: D })

/** The reverse of `apart`. */
export const joined = (emit: Emitter, names: readonly string[], axis: number): string =>
  names.length === 1 ? names[0]! : emit.op('Concat', names, { axis })

/** matrix · columns (+ added) of each direction of one step: [D, width, K] by [D, K, B]. */
export function product(emit: Emitter, matrix: string, columns: string, added?: string): string {
  const found = emit.op('MatMul', [matrix, columns])
  return added ? emit.op('Add', [found, added]) : found
}
