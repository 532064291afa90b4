import { type Dim, multiplyDims } from '../dims.js'
import type { Emitter } from '../onnx/emitter.js'

// How a recurrence lies in memory. The values of a step are columns, [width, B]: the recurrent products then read the weights as
// they lie and pack only the small state, and gates are cut along their rows. All steps, [T, width, B], lie in the order of time.
// Each direction has a loop of its own: a loop over both at once was no faster, and its steps had to be turned and taken apart.

export type Direction = 'forward' | 'reverse' | 'bidirectional'

export const directionCount = (direction: Direction): 1 | 2 => (direction === 'bidirectional' ? 2 : 1)

/** Of each direction whether it goes against time. */
export const directions = (direction: Direction): boolean[] =>
  direction === 'bidirectional' ? [false, true] : [direction === 'reverse']

/** [..., a, b] -> [..., b, a] of three axes. */
export const turned = (emit: Emitter, name: string): string => emit.op('Transpose', [name], { perm: [0, 2, 1] })

/** [T, D width, B] -> of each direction [T, width, B]. */
export const halves = (emit: Emitter, steps: string, direction: Direction): readonly string[] =>
  direction === 'bidirectional' ? emit.ops('Split', [steps], 2, { axis: 1, num_outputs: 2 }) : [steps]

/** States [D, B, width] -> of each direction columns. */
export function toColumns(emit: Emitter, direction: Direction, state: string, [B, width]: Size): string[] {
  const D = directionCount(direction)
  const rows = emit.reshape(state, [D, B, width], [multiplyDims(D, B), width])
  const own = D === 1 ? [rows] : emit.ops('Split', [rows], D, { axis: 0, num_outputs: D })
  return own.map((one) => emit.op('Transpose', [one], { perm: [1, 0] }))
}

/** Columns of each direction -> states [D, B, width]. */
export function fromColumns(emit: Emitter, columns: readonly string[]): string {
  const planes = columns.map((one) =>
    emit.op('Unsqueeze', [emit.op('Transpose', [one], { perm: [1, 0] }), emit.ints([0])]),
  )
  return planes.length === 1 ? planes[0]! : emit.op('Concat', planes, { axis: 0 })
}

type Size = readonly [B: Dim, width: Dim]

/** matrix · column (+ added) of one step: [width, K] by [K, B]. */
export const product = (emit: Emitter, matrix: string, column: string, added?: string): string =>
  emit.op('Gemm', [matrix, column, ...(added ? [added] : [])])
