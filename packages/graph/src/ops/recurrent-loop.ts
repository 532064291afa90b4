import type { Dim } from '../dims.js'
import type { Emitter } from '../onnx/emitter.js'
import type { LowerContext } from '../rule.js'
import { type Cell, gatesOf } from './recurrent-cells.js'
import { type Recurrence, recurrentInputs } from './recurrent-inputs.js'
import {
  columns,
  directionCount,
  fromColumns,
  fromSteps,
  joined,
  toColumns,
  toSteps,
  turned,
} from './recurrent-steps.js'
import { lastingSteps, scan } from './scan.js'

/**
 * The forward pass as a loop: the products with the input are made for all steps at once before it. Gives y, the last states and
 * of all steps the inputs with a row of ones, the hidden states and what the cell saves.
 */
export function lowerForward({ emit, names, x: info, y, attributes }: LowerContext<Recurrence>, cell: Cell): string[] {
  const { direction } = attributes
  const { x, layers, initial, lengths } = recurrentInputs(names, cell, attributes)
  const [T, B, I] = info[0]!.shape as [Dim, Dim, Dim]
  const H = Number(y[0]!.shape[2]) / layers.length
  const alike = (value: string) => layers.map(() => value)
  // The row of ones takes the bias into the product.
  const inputs = emit.op('Concat', [turned(emit, x), emit.filled([T, 1, B], 1)], { axis: 1 })
  const steps = toSteps(emit, direction, alike(inputs))
  const withBias = layers.map(({ weight, bias }) =>
    emit.op('Concat', [weight, emit.op('Unsqueeze', [bias, emit.ints([0])])], { axis: 0 }),
  )
  const z = matrices(emit, withBias, cell, H).map((part) => emit.op('MatMul', [part, steps]))
  const states = layers.map(({ recurrent }) => recurrent)
  const recurrent = matrices(emit, states, cell, H)
  const biases = layers.map(({ candidateBias }) => emit.op('Unsqueeze', [candidateBias ?? '', emit.ints([1])]))
  const candidateBias = cell.candidateBias ? joined(emit, biases) : ''
  const state = { shape: columns(direction, H, B) }
  const real = lengths && lastingSteps(emit, lengths, T, B)
  const flags = real ? [toSteps(emit, direction, alike(emit.reshape(real, [T, B, 1], [T, 1, B])))] : []
  const made = scan(emit, {
    states: initial.map((name) => ({ ...state, name: toColumns(emit, direction, name, [B, H]) })),
    sequences: [
      ...z.map((name, i) => ({ name, shape: columns(direction, cell.parts[i]! * H, B) })),
      ...flags.map((name) => ({ name, shape: columns(direction, 1, B), dtype: 'bool' as const })),
    ],
    outputs: Array.from({ length: 1 + cell.saved }, () => state),
    step(before, slices) {
      const own = slices.slice(0, z.length)
      const now = { direction, z: own, recurrent, candidateBias, real: slices[z.length] }
      const { states, saved } = cell.step(emit, before, now)
      return { states, outputs: [states[0]!, ...saved] }
    },
  })
  const hidden = turned(emit, fromSteps(emit, direction, made.outputs[0]!, [T, H, B]))
  const seen = real ? emit.op('Mul', [hidden, emit.cast(real, 'float32')]) : hidden
  const last = made.states.map((name) => fromColumns(emit, direction, name, [B, H]))
  return [seen, ...last, steps, ...made.outputs]
}

/**
 * The backward pass as a loop: from the gradients of outputs and last states to those of the pre-activations of all steps - with
 * a candidate's bias on the input's side, then on the recurrent one - and of the initial states.
 */
export function lowerBackward({ emit, names, x, attributes }: LowerContext<Recurrence>, cell: Cell): string[] {
  const { direction, lengths } = attributes
  const rest = [...names]
  const dy = rest.shift()!
  const dLast = rest.splice(0, cell.states)
  const [hidden, ...saved] = rest.splice(0, 1 + cell.saved)
  const D = directionCount(direction)
  const recurrent = joined(emit, rest.splice(0, D))
  const [T, B, width] = x[0]!.shape as [Dim, Dim, number]
  const H = width / D
  const turnedDy = turned(emit, dy)
  const halves = D === 1 ? [turnedDy] : emit.ops('Split', [turnedDy], D, { axis: 1, num_outputs: D })
  const state = { shape: columns(direction, H, B) }
  const gates = { shape: columns(direction, gatesOf(cell) * H, B), against: true }
  const real = lengths ? [emit.cast(lastingSteps(emit, rest[0]!, T, B), 'float32')] : []
  const flags = real.map((name) => emit.reshape(name, [T, B, 1], [T, 1, B]))
  const made = scan(emit, {
    states: dLast.map((name) => ({ ...state, name: toColumns(emit, direction, name, [B, H]) })),
    sequences: [
      { ...state, name: toSteps(emit, direction, halves), against: true },
      ...cell.slopes(emit, hidden!, saved).map((name) => ({ ...state, name, against: true })),
      ...flags.map((name) => ({
        name: toSteps(emit, direction, [name, name]),
        shape: columns(direction, 1, B),
        against: true,
      })),
    ],
    outputs: [gates, ...(cell.candidateBias ? [{ ...state, against: true }] : [])],
    step(before, [dyNow, ...others]) {
      const back = { direction, dy: dyNow!, recurrent, real: lengths ? others.pop() : undefined }
      const { states, gates, candidate } = cell.back(emit, before, others, back)
      return { states, outputs: candidate ? [gates, candidate] : [gates] }
    },
  })
  const first = made.states.map((name) => fromColumns(emit, direction, name, [B, H]))
  const [recurrentSide, candidate] = made.outputs as [string, string?]
  if (!candidate) return [recurrentSide, ...first]
  const axis = direction === 'bidirectional' ? 2 : 1
  const shared = emit.slice(recurrentSide, { axis, size: gatesOf(cell) * H, start: 0, end: (gatesOf(cell) - 1) * H })
  return [emit.op('Concat', [shared, candidate], { axis }), recurrentSide, ...first]
}

/** Of each direction a weight [K, gates H] -> of each part the matrix [width, K], of both directions where there are two. */
function matrices(emit: Emitter, weights: readonly string[], { parts }: Cell, H: number): readonly string[] {
  const whole = joined(
    emit,
    weights.map((weight) => emit.op('Transpose', [weight], { perm: [1, 0] })),
  )
  if (parts.length === 1) return [whole]
  return emit.ops('Split', [whole, emit.ints(parts.map((part) => part * H))], parts.length, { axis: -2 })
}
