import { type Dim, multiplyDims } from '../dims.js'
import type { Emitter } from '../onnx/emitter.js'
import type { LowerContext } from '../rule.js'
import { type Cell, gatesOf } from './recurrent-cells.js'
import { type Recurrence, recurrentInputs } from './recurrent-inputs.js'
import { directionCount, walk } from './recurrent-scan.js'
import { lastingSteps } from './scan.js'

/**
 * The forward pass as a loop: the products with the input are made for all steps at once before it. Gives y, the last states and,
 * of each direction, its states and what the cell saves.
 */
export function lowerForward({ emit, names, x: info, y, attributes }: LowerContext<Recurrence>, cell: Cell): string[] {
  const { direction } = attributes
  const { x, layers, initial, lengths } = recurrentInputs(names, cell, attributes)
  const [T, B, I] = info[0]!.shape as [Dim, Dim, Dim]
  const H = Number(y[0]!.shape[2]) / layers.length
  const flatX = emit.reshape(x, [T, B, I], [multiplyDims(T, B), I])
  const products = layers.map(({ weight, recurrent, bias }) => ({
    recurrent: cutParts(emit, recurrent, cell, 1, H),
    z: cutParts(emit, weight, cell, 1, H).map((part, i) => {
      const own = emit.op('Gemm', [flatX, part, cutParts(emit, bias, cell, 0, H)[i]!])
      const width = cell.parts[i]! * H
      return { name: emit.reshape(own, [multiplyDims(T, B), width], [T, B, width]), width }
    }),
  }))
  const real = lengths && lastingSteps(emit, lengths, T, B)
  const flags = real ? [{ name: real, width: 1, dtype: 'bool' as const }] : []
  const made = walk(emit, {
    direction,
    batch: B,
    states: layers.map((_, d) => initial.map((state) => ofDirection(emit, state, d))),
    sequences: products.map(({ z }) => [...z, ...flags]),
    widths: { states: H, outputs: new Array(1 + cell.saved).fill(H) },
    step(d, before, slices) {
      const z = slices.slice(0, cell.parts.length)
      const { recurrent } = products[d]!
      const candidateBias = layers[d]!.candidateBias ?? ''
      const { states, saved } = cell.step(emit, before, { z, recurrent, candidateBias, real: slices[z.length] })
      return { states, outputs: [states[0]!, ...saved] }
    },
  })
  const hidden = made.map(({ outputs }) => outputs[0]!)
  const joined = hidden.length === 1 ? hidden[0]! : emit.op('Concat', hidden, { axis: 2 })
  const seen = real ? emit.op('Mul', [joined, emit.cast(real, 'float32')]) : joined
  return [seen, ...lastStates(emit, made), ...made.flatMap(({ outputs }) => outputs)]
}

/**
 * The backward pass as a loop: from the gradients of outputs and last states to those of each direction's pre-activations - with
 * a candidate's bias on the input's side, then on the recurrent one - and of the initial states.
 */
export function lowerBackward(
  { emit, names, x, attributes: { direction, lengths } }: LowerContext<Recurrence>,
  cell: Cell,
): string[] {
  const D = directionCount(direction)
  const [T, B, width] = x[0]!.shape as [Dim, Dim, number]
  const H = width / D
  const gates = gatesOf(cell)
  const rest = [...names]
  const together = rest.shift()!
  const dy = D === 1 ? [together] : emit.ops('Split', [together], D, { axis: 2, num_outputs: D })
  const dLast = rest.splice(0, cell.states)
  const slopes = dy.map(() => {
    const [hidden, ...saved] = rest.splice(0, 1 + cell.saved)
    return cell.slopes(emit, hidden!, saved)
  })
  const recurrent = rest.splice(0, D)
  const real = lengths ? [{ name: emit.cast(lastingSteps(emit, rest[0]!, T, B), 'float32'), width: 1 }] : []
  const made = walk(emit, {
    direction,
    backwards: true,
    batch: B,
    states: dy.map((_, d) => dLast.map((state) => ofDirection(emit, state, d))),
    sequences: dy.map((name, d) => [...[name, ...slopes[d]!].map((own) => ({ name: own, width: H })), ...real]),
    widths: { states: H, outputs: [gates * H, ...(cell.candidateBias ? [H] : [])] },
    step(d, before, [dyNow, ...others]) {
      const back = { dy: dyNow!, recurrent: recurrent[d]!, real: lengths ? others.pop() : undefined }
      const { states, gates, candidate } = cell.back(emit, before, others, back)
      return { states, outputs: candidate ? [gates, candidate] : [gates] }
    },
  })
  const recurrentSide = made.map(({ outputs }) => outputs[0]!)
  if (!cell.candidateBias) return [...recurrentSide, ...lastStates(emit, made)]
  const inputSide = made.map(({ outputs: [own, candidate] }) => {
    const shared = emit.slice(own!, { axis: 2, size: gates * H, start: 0, end: (gates - 1) * H })
    return emit.op('Concat', [shared, candidate!], { axis: 2 })
  })
  return [...inputSide, ...recurrentSide, ...lastStates(emit, made)]
}

/** The columns of a weight, or the elements of a bias, that belong to each part. */
function cutParts(emit: Emitter, name: string, { parts }: Cell, axis: 0 | 1, H: number): readonly string[] {
  if (parts.length === 1) return [name]
  return emit.ops('Split', [name, emit.ints(parts.map((part) => part * H))], parts.length, { axis })
}

/** [D, B, H] -> [B, H] */
const ofDirection = (emit: Emitter, state: string, d: number): string =>
  emit.op('Gather', [state, emit.scalar(d, 'int64')], { axis: 0 })

/** Each state of all directions, [D, B, H]. */
function lastStates(emit: Emitter, made: readonly { states: readonly string[] }[]): string[] {
  const stacked = made.map(({ states }) => states.map((state) => emit.op('Unsqueeze', [state, emit.ints([0])])))
  return stacked[0]!.map((first, i) =>
    stacked.length === 1 ? first : emit.op('Concat', [first, stacked[1]![i]!], { axis: 0 }),
  )
}
