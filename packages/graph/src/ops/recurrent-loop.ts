import { addDims, type Dim, type Shape } from '../dims.js'
import type { Emitter } from '../onnx/emitter.js'
import type { LowerContext } from '../rule.js'
import type { Cell } from './recurrent-cells.js'
import { type Layer, type Recurrence, recurrentInputs } from './recurrent-inputs.js'
import { apart, directionCount, directions, joined, turned } from './recurrent-steps.js'
import { lastingSteps, scan } from './scan.js'

/**
 * The forward pass as one loop. Gives y, the last states and of all steps what each direction's weights were multiplied with -
 * the state before, the input, a one for the bias - and the cell's slopes.
 */
export function lowerForward({ emit, names, x: info, y, attributes }: LowerContext<Recurrence>, cell: Cell): string[] {
  const { x, layers, initial, lengths } = recurrentInputs(names, cell, attributes)
  const against = directions(attributes.direction)
  const [T, B, I] = info[0]!.shape as [Dim, Dim, Dim]
  const D = layers.length
  const H = Number(y[0]!.shape[2]) / D
  const state = { shape: [D, H, B] }
  const weights = stepWeights(emit, layers, cell, H, Number(I))
  const withOne = emit.op('Concat', [turned(emit, x), emit.filled([T, 1, B], 1)], { axis: 1 })
  const real = lengths && lastingSteps(emit, lengths, T, B)
  const loop = scan(emit, {
    states: initial.map((name) => ({ ...state, name: turned(emit, name) })),
    sequences: [
      ...ofEach(against, { name: emit.op('Unsqueeze', [withOne, emit.ints([1])]), shape: [1, addDims(I, 1), B] }),
      ...(real ? ofEach(against, { name: flagsOf(emit, real, T, B), shape: [1, 1, B], dtype: 'bool' as const }) : []),
    ],
    outputs: [
      ...ofEach(against, { shape: [1, H, B] }),
      ...ofEach(against, { shape: [1, addDims(H, I, 1), B] }),
      ...Array<{ shape: Shape }>(cell.slopes).fill(state),
    ],
    step(before, slices) {
      const input = joined(emit, slices.slice(0, D), 0)
      const operand = emit.op('Concat', [before[0]!, input], { axis: 1 })
      const flags = real ? joined(emit, slices.slice(D), 0) : undefined
      const { next, states, slopes } = cell.step(emit, before, { ...weights, input, operand, real: flags })
      return { states, outputs: [...apart(emit, next, 0, D), ...apart(emit, operand, 0, D), ...slopes] }
    },
  })
  const ys = joined(emit, loop.outputs.slice(0, D), 1)
  const inTime = turned(emit, emit.reshape(ys, [T, D, H, B], [T, D * H, B]))
  const seen = real ? emit.op('Mul', [inTime, emit.cast(real, 'float32')]) : inTime
  const operands = loop.outputs.slice(D, 2 * D).map((one) => withoutDirection(emit, one))
  return [seen, ...loop.states.map((last) => turned(emit, last)), ...operands, ...loop.outputs.slice(2 * D)]
}

/**
 * The backward pass as one loop: from the gradients of outputs and last states to those of the pre-activations of all steps, with
 * a candidate's bias also of the candidate's recurrent product, each direction's apart, and of the initial states.
 */
export function lowerBackward({ emit, names, x, attributes }: LowerContext<Recurrence>, cell: Cell): string[] {
  const { direction, lengths } = attributes
  const against = directions(direction).map((reverse) => !reverse)
  const D = directionCount(direction)
  const rest = [...names]
  const dy = rest.shift()!
  const dLast = rest.splice(0, cell.states)
  const slopes = rest.splice(0, cell.slopes)
  const recurrent = stacked(emit, rest.splice(0, D))
  const [T, B, width] = x[0]!.shape as [Dim, Dim, number]
  const H = width / D
  const state = { shape: [D, H, B] }
  const dys = emit.reshape(turned(emit, dy), [T, width, B], [T, D, H, B])
  const real = lengths ? emit.cast(lastingSteps(emit, rest[0]!, T, B), 'float32') : undefined
  const loop = scan(emit, {
    states: dLast.map((name) => ({ ...state, name: turned(emit, name) })),
    sequences: [
      ...apart(emit, dys, 1, D).map((name, d) => ({ name, shape: [1, H, B], against: against[d]! })),
      ...(real ? ofEach(against, { name: flagsOf(emit, real, T, B), shape: [1, 1, B] }) : []),
      ...slopes.map((name) => ({ ...state, name, against: true })),
    ],
    outputs: [
      ...ofEach(against, { shape: [1, cell.gates * H, B] }),
      ...(cell.candidateBias ? ofEach(against, { shape: [1, H, B] }) : []),
    ],
    step(before, slices) {
      const own = [...slices]
      const dy = joined(emit, own.splice(0, D), 0)
      const flags = real ? joined(emit, own.splice(0, D), 0) : undefined
      const { states, gates, candidate } = cell.back(emit, before, own, { dy, recurrent, real: flags })
      return { states, outputs: [gates, ...(candidate ? [candidate] : [])].flatMap((one) => apart(emit, one, 0, D)) }
    },
  })
  return [...loop.outputs.map((one) => withoutDirection(emit, one)), ...loop.states.map((first) => turned(emit, first))]
}

/** A sequence or an output once for each direction, in its order. */
const ofEach = <Item extends object>(against: readonly boolean[], item: Item) =>
  against.map((one) => ({ ...item, against: one }))

/** [T, 1, width, B] -> [T, width, B] */
const withoutDirection = (emit: Emitter, steps: string): string => emit.op('Squeeze', [steps, emit.ints([1])])

/** [T, B, 1] -> [T, 1, 1, B] */
const flagsOf = (emit: Emitter, real: string, T: Dim, B: Dim): string => emit.reshape(real, [T, B, 1], [T, 1, 1, B])

/** Matrices of the directions -> [D, rows, columns]. */
const stacked = (emit: Emitter, matrices: readonly string[]): string =>
  joined(
    emit,
    matrices.map((one) => emit.op('Unsqueeze', [one, emit.ints([0])])),
    0,
  )

/** What a step multiplies with. */
function stepWeights(emit: Emitter, layers: readonly Layer<string>[], cell: Cell, H: number, I: number) {
  const unsqueezed = (name: string, axis: number) => emit.op('Unsqueeze', [name, emit.ints([axis])])
  const cut = (name: string, axis: number, sizes: readonly number[]) =>
    emit.ops('Split', [name, emit.ints(sizes)], sizes.length, { axis })
  const matrices = layers.map(({ recurrent, weight, bias }) => {
    const rows = emit.op('Concat', [recurrent, weight, unsqueezed(bias, 0)], { axis: 0 })
    return emit.op('Transpose', [rows], { perm: [1, 0] })
  })
  const whole = stacked(emit, matrices)
  if (!cell.candidateBias) return { matrix: whole, candidate: undefined }
  const [matrix, own] = cut(whole, 1, [(cell.gates - 1) * H, H]) as [string, string]
  const [recurrent, input] = cut(own, 2, [H, I + 1]) as [string, string]
  const biases = layers.map(({ candidateBias }) => unsqueezed(candidateBias!, 1))
  return { matrix, candidate: { recurrent, input, bias: stacked(emit, biases) } }
}
