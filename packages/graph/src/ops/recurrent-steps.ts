import { type Dim, multiplyDims, type Shape } from '../dims.js'
import type { Emitter } from '../onnx/emitter.js'

// How a recurrence lies in memory. The values of a step are columns, [width, B]: the recurrent products then read the weights as
// they lie and pack only the small state, and gates are cut along their rows. Both directions make their steps together,
// [2, width, B]; all steps, [T, width, B] or [T, 2, width, B], lie in the order in which each direction makes them.

export type Direction = 'forward' | 'reverse' | 'bidirectional'

export const directionCount = (direction: Direction): 1 | 2 => (direction === 'bidirectional' ? 2 : 1)

/** The shape of a step's values: columns of the width, of both directions where there are two. */
export const columns = (direction: Direction, width: Dim, B: Dim): Shape =>
  direction === 'bidirectional' ? [2, width, B] : [width, B]

/** Of each direction a value, the same shape -> one value, [2, …] where there are two. */
export function joined(emit: Emitter, values: readonly string[], axis = 0): string {
  if (values.length === 1) return values[0]!
  return emit.op(
    'Concat',
    values.map((value) => emit.op('Unsqueeze', [value, emit.ints([axis])])),
    { axis },
  )
}

/** Of each direction [T, width, B] in the order of time -> all steps. */
export function toSteps(emit: Emitter, direction: Direction, values: readonly string[]): string {
  const [first, second] = values as [string, string?]
  if (direction !== 'bidirectional') return direction === 'reverse' ? emit.flip(first, 0) : first
  return joined(emit, [first, emit.flip(second!, 0)], 1)
}

/** All steps -> [T, D width, B] in the order of time. */
export function fromSteps(emit: Emitter, direction: Direction, steps: string, [T, width, B]: Columns): string {
  if (direction !== 'bidirectional') return direction === 'reverse' ? emit.flip(steps, 0) : steps
  const [forward, backward] = emit.ops('Split', [steps], 2, { axis: 1, num_outputs: 2 }) as [string, string]
  const both = emit.op('Concat', [forward, emit.flip(backward, 0)], { axis: 1 })
  return emit.reshape(both, [T, 2, width, B], [T, multiplyDims(2, width), B])
}

type Columns = readonly [T: Dim, width: Dim, B: Dim]

/** [..., a, b] -> [..., b, a] of three axes. */
export const turned = (emit: Emitter, name: string): string => emit.op('Transpose', [name], { perm: [0, 2, 1] })

/** States [D, B, width] -> columns. */
export function toColumns(emit: Emitter, direction: Direction, state: string, [B, width]: readonly [Dim, Dim]): string {
  const D = directionCount(direction)
  return emit.reshape(turned(emit, state), [D, width, B], columns(direction, width, B))
}

/** Columns -> states [D, B, width]. */
export function fromColumns(
  emit: Emitter,
  direction: Direction,
  state: string,
  [B, width]: readonly [Dim, Dim],
): string {
  const D = directionCount(direction)
  return turned(emit, emit.reshape(state, columns(direction, width, B), [D, width, B]))
}

/** matrix · column (+ added) of one step: [width, K] by [K, B], or of both directions. */
export function product(emit: Emitter, direction: Direction, matrix: string, column: string, added?: string): string {
  // Gemm takes two axes only; the activation behind it is fused by the runtime.
  if (direction !== 'bidirectional') return emit.op('Gemm', [matrix, column, ...(added ? [added] : [])])
  const own = emit.op('MatMul', [matrix, column])
  return added ? emit.op('Add', [own, added]) : own
}
