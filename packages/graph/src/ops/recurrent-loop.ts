import { addDims, type Dim } from '../dims.js'
import type { Emitter } from '../onnx/emitter.js'
import type { LowerContext } from '../rule.js'
import { type Cell, gatesOf } from './recurrent-cells.js'
import { type Layer, type Recurrence, recurrentInputs } from './recurrent-inputs.js'
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
 * The forward pass as a loop. Gives y, the last states and of all steps what the weights were multiplied with - the state before,
 * the input, a one for the bias -, the hidden states and what the cell saves.
 */
export function lowerForward({ emit, names, x: info, y, attributes }: LowerContext<Recurrence>, cell: Cell): string[] {
  const { direction } = attributes
  const { x, layers, initial, lengths } = recurrentInputs(names, cell, attributes)
  const [T, B, I] = info[0]!.shape as [Dim, Dim, Dim]
  const H = Number(y[0]!.shape[2]) / layers.length
  const alike = (value: string) => layers.map(() => value)
  const withOne = emit.op('Concat', [turned(emit, x), emit.filled([T, 1, B], 1)], { axis: 1 })
  const weights = stepWeights(emit, layers, cell, H, Number(I))
  const state = { shape: columns(direction, H, B) }
  const real = lengths && lastingSteps(emit, lengths, T, B)
  const flags = real ? [toSteps(emit, direction, alike(emit.reshape(real, [T, B, 1], [T, 1, B])))] : []
  const made = scan(emit, {
    states: initial.map((name) => ({ ...state, name: toColumns(emit, direction, name, [B, H]) })),
    sequences: [
      { name: toSteps(emit, direction, alike(withOne)), shape: columns(direction, addDims(I, 1), B) },
      ...flags.map((name) => ({ name, shape: columns(direction, 1, B), dtype: 'bool' as const })),
    ],
    outputs: [{ shape: columns(direction, addDims(H, I, 1), B) }, ...new Array(1 + cell.saved).fill(state)],
    step(before, [input, real]) {
      const operand = emit.op('Concat', [before[0]!, input!], { axis: -2 })
      const { states, saved } = cell.step(emit, before, { direction, ...weights, input: input!, operand, real })
      return { states, outputs: [operand, states[0]!, ...saved] }
    },
  })
  const [operands, hidden, ...saved] = made.outputs as [string, string, ...string[]]
  const inTime = turned(emit, fromSteps(emit, direction, hidden, [T, H, B]))
  const seen = real ? emit.op('Mul', [inTime, emit.cast(real, 'float32')]) : inTime
  const last = made.states.map((name) => fromColumns(emit, direction, name, [B, H]))
  return [seen, ...last, operands, hidden, ...saved]
}

/**
 * The backward pass as a loop: from the gradients of outputs and last states to those of the pre-activations of all steps, with
 * a candidate's bias also of the candidate's recurrent product, and of the initial states.
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
  return [...made.outputs, ...first]
}

/** What a step multiplies with, of both directions where there are two. */
function stepWeights(
  emit: Emitter,
  layers: readonly Layer<string>[],
  { parts, candidateBias }: Cell,
  H: number,
  I: number,
) {
  const cut = (name: string, axis: number, sizes: readonly number[]) =>
    sizes.length === 1 ? [name] : emit.ops('Split', [name, emit.ints(sizes)], sizes.length, { axis })
  const whole = layers.map(({ recurrent, weight, bias }) => {
    const rows = [recurrent, weight, emit.op('Unsqueeze', [bias, emit.ints([0])])]
    return emit.op('Transpose', [emit.op('Concat', rows, { axis: 0 })], { perm: [1, 0] })
  })
  const matrices = cut(
    joined(emit, whole),
    -2,
    parts.map((part) => part * H),
  )
  if (!candidateBias) return { matrices, candidate: undefined }
  const [recurrent, input] = cut(matrices.at(-1)!, -1, [H, I + 1]) as [string, string]
  const biases = layers.map((layer) => emit.op('Unsqueeze', [layer.candidateBias!, emit.ints([1])]))
  return { matrices, candidate: { recurrent, input, bias: joined(emit, biases) } }
}
