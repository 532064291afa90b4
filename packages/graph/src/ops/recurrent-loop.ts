import { addDims, type Dim, type Shape } from '../dims.js'
import type { Emitter } from '../onnx/emitter.js'
import type { LowerContext } from '../rule.js'
import { type Cell, gatesOf } from './recurrent-cells.js'
import { type Layer, type Recurrence, recurrentInputs } from './recurrent-inputs.js'
import { directionCount, directions, fromColumns, halves, toColumns, turned } from './recurrent-steps.js'
import { lastingSteps, scan } from './scan.js'

/**
 * The forward pass as a loop of each direction. Gives y, the last states and of each direction, of all steps, what the weights
 * were multiplied with - the state before, the input, a one for the bias - and what the cell saves.
 */
export function lowerForward({ emit, names, x: info, y, attributes }: LowerContext<Recurrence>, cell: Cell): string[] {
  const { direction } = attributes
  const { x, layers, initial, lengths } = recurrentInputs(names, cell, attributes)
  const [T, B, I] = info[0]!.shape as [Dim, Dim, Dim]
  const H = Number(y[0]!.shape[2]) / layers.length
  const state = { shape: [H, B] }
  const withOne = emit.op('Concat', [turned(emit, x), emit.filled([T, 1, B], 1)], { axis: 1 })
  const real = lengths && lastingSteps(emit, lengths, T, B)
  const flags = real ? [{ name: emit.reshape(real, [T, B, 1], [T, 1, B]), shape: [1, B], dtype: 'bool' as const }] : []
  const first = initial.map((name) => toColumns(emit, direction, name, [B, H]))
  const loops = directions(direction).map((against, d) => {
    const weights = stepWeights(emit, layers[d]!, cell, H, Number(I))
    return scan(emit, {
      states: first.map((columns) => ({ ...state, name: columns[d]! })),
      sequences: [{ name: withOne, shape: [addDims(I, 1), B] }, ...flags].map((one) => ({ ...one, against })),
      outputs: [{ shape: [addDims(H, I, 1), B] }, ...Array<{ shape: Shape }>(cell.saved).fill(state)].map((one) => ({
        ...one,
        against,
      })),
      step(before, [input, real]) {
        const operand = emit.op('Concat', [before[0]!, input!], { axis: 0 })
        const { states, saved } = cell.step(emit, before, { ...weights, input: input!, operand, real })
        return { states, outputs: [operand, ...saved] }
      },
    })
  })
  const hidden = loops.map(({ outputs: [, ...saved] }) => cell.hidden(emit, saved))
  const inTime = turned(emit, hidden.length === 1 ? hidden[0]! : emit.op('Concat', hidden, { axis: 1 }))
  const seen = real ? emit.op('Mul', [inTime, emit.cast(real, 'float32')]) : inTime
  const last = initial.map((_, i) =>
    fromColumns(
      emit,
      loops.map(({ states }) => states[i]!),
    ),
  )
  return [seen, ...last, ...loops.flatMap(({ outputs }) => outputs)]
}

/**
 * The backward pass as a loop of each direction: from the gradients of outputs and last states to those of the pre-activations of
 * all steps, with a candidate's bias also of the candidate's recurrent product, and of the initial states.
 */
export function lowerBackward({ emit, names, x, attributes }: LowerContext<Recurrence>, cell: Cell): string[] {
  const { direction, lengths } = attributes
  const D = directionCount(direction)
  const rest = [...names]
  const dy = rest.shift()!
  const dLast = rest.splice(0, cell.states)
  const saved = Array.from({ length: D }, () => rest.splice(0, cell.saved))
  const recurrent = rest.splice(0, D)
  const [T, B, width] = x[0]!.shape as [Dim, Dim, number]
  const H = width / D
  const state = { shape: [H, B] }
  const real = lengths ? [emit.cast(lastingSteps(emit, rest[0]!, T, B), 'float32')] : []
  const flags = real.map((name) => ({ name: emit.reshape(name, [T, B, 1], [T, 1, B]), shape: [1, B] }))
  const dys = halves(emit, turned(emit, dy), direction)
  const first = dLast.map((name) => toColumns(emit, direction, name, [B, H]))
  const loops = directions(direction).map((reverse, d) => {
    const against = !reverse
    const slopes = cell.slopes(emit, cell.hidden(emit, saved[d]!), saved[d]!)
    return scan(emit, {
      states: first.map((columns) => ({ ...state, name: columns[d]! })),
      sequences: [...[dys[d]!, ...slopes].map((name) => ({ ...state, name })), ...flags].map((one) => ({
        ...one,
        against,
      })),
      outputs: [{ shape: [gatesOf(cell) * H, B], against }, ...(cell.candidateBias ? [{ ...state, against }] : [])],
      step(before, [dyNow, ...others]) {
        const back = { dy: dyNow!, recurrent: recurrent[d]!, real: lengths ? others.pop() : undefined }
        const { states, gates, candidate } = cell.back(emit, before, others, back)
        return { states, outputs: candidate ? [gates, candidate] : [gates] }
      },
    })
  })
  const before = dLast.map((_, i) =>
    fromColumns(
      emit,
      loops.map(({ states }) => states[i]!),
    ),
  )
  return [...loops.flatMap(({ outputs }) => outputs), ...before]
}

/** What a step multiplies with. */
function stepWeights(emit: Emitter, layer: Layer<string>, { parts, candidateBias }: Cell, H: number, I: number) {
  const cut = (name: string, axis: number, sizes: readonly number[]) =>
    sizes.length === 1 ? [name] : emit.ops('Split', [name, emit.ints(sizes)], sizes.length, { axis })
  const rows = [layer.recurrent, layer.weight, emit.op('Unsqueeze', [layer.bias, emit.ints([0])])]
  const whole = emit.op('Transpose', [emit.op('Concat', rows, { axis: 0 })], { perm: [1, 0] })
  const matrices = cut(
    whole,
    0,
    parts.map((part) => part * H),
  )
  if (!candidateBias) return { matrices, candidate: undefined }
  const [recurrent, input] = cut(matrices.at(-1)!, 1, [H, I + 1]) as [string, string]
  const bias = emit.op('Unsqueeze', [layer.candidateBias!, emit.ints([1])])
  return { matrices, candidate: { recurrent, input, bias } }
}
