import { type Dim, multiplyDims, printShape, type Shape } from '../dims.js'
import { matMul } from '../functions/layers.js'
import { reduceSum } from '../functions/reductions.js'
import { concat, reshape, slice, zerosLike } from '../functions/shape.js'
import type { Value, ValueInfo } from '../graph.js'
import type { Emitter } from '../onnx/emitter.js'
import { type LowerContext, type OpRule, type OpTable, RuleViolation, row } from '../rule.js'
import { type Cell, cells } from './recurrent-cells.js'
import { type Recurrence, recurrentInputs } from './recurrent-inputs.js'
import { type Direction, directionCount, walk } from './recurrent-scan.js'
import { lowerToStock } from './recurrent-stock.js'
import { lastingSteps } from './scan.js'
import { requireDtype, requireRank } from './shapes.js'

type CellName = keyof typeof cells

/** x [T, B, I], each direction's weight [I, gates H], recurrent [H, gates H], bias, … as one op. */
function recurrence(name: CellName): OpRule {
  const cell = cells[name]
  const { gates, states } = cell
  return row<Recurrence>({
    // y [T, B, D H], the last states [D, B, H]; saved: each direction's states [T, B, H], then the cell's slopes.
    shape: ({ x: values, attributes }) => {
      const { x, layers, initial, lengths } = recurrentInputs(values, cell, attributes)
      requireRank(x, 3, 'the input')
      const [T, B, I] = x.shape
      const H = Number(layers[0]!.recurrent.shape[0])
      for (const { weight, recurrent, bias, candidateBias } of layers) {
        requireShape(weight, [I!, gates * H], 'the weight')
        requireShape(recurrent, [H, gates * H], 'the recurrent weight')
        requireShape(bias, [gates * H], 'the bias')
        if (candidateBias) requireShape(candidateBias, [H], 'the bias of the candidate')
      }
      const D = layers.length
      for (const state of initial) requireShape(state, [D, B!, H], 'an initial state')
      if (lengths) {
        requireDtype(lengths, 'int64')
        requireShape(lengths, [B!], 'the lengths')
      }
      const like = (...shape: Dim[]): ValueInfo => ({ dtype: 'float32', shape })
      return [
        like(T!, B!, D * H),
        ...initial.map(() => like(D, B!, H)),
        ...layers.map(() => like(T!, B!, H)),
        ...cell.slopes.map((width) => like(T!, D, B!, width * H)),
      ]
    },
    saved: 1 + states,
    // The loop gives the gradients of the pre-activations of all steps; the rest is one product for each operand.
    grad: ({ dys, ys, dy, attributes }, ...values) => {
      const { x, layers, initial, lengths } = recurrentInputs(values, cell, attributes)
      const D = layers.length
      const kept = ys.slice(1 + states, 1 + states + D)
      const slopes = ys.slice(1 + states + D)
      const dLast = ys.slice(1, 1 + states).map((state, i) => dys[1 + i] ?? zerosLike(state))
      const weights = layers.map(({ recurrent }) => recurrent)
      const operands = [dy, ...dLast, ...slopes, ...weights, ...(lengths ? [lengths] : [])]
      const found = dy.builder.append(`${name}Gradient`, operands, { ...attributes })
      const dz = found.splice(0, D)
      const dr = cell.candidateBias ? found.splice(0, D) : dz
      const flatX = rows(x)
      const dx = dz.map((d, i) => matMul(rows(d), layers[i]!.weight, { transB: true }))
      const perLayer = layers.flatMap(({ candidateBias }, d) => {
        const before = statesBefore(kept[d]!, initial[0]!, d, attributes.direction)
        const dRecurrent = matMul(rows(before), rows(dr[d]!), { transA: true })
        const H = kept[d]!.shape[2]!
        const candidate = candidateBias
          ? [reduceSum(slice(rows(dr[d]!), { axis: 1, start: multiplyDims(2, H) }), 0)]
          : []
        return [matMul(flatX, rows(dz[d]!), { transA: true }), dRecurrent, reduceSum(rows(dz[d]!), 0), ...candidate]
      })
      const dxSum = reshape(
        dx.reduce((a, b) => dx[0]!.builder.append('add', [a, b])[0]!),
        x.shape,
      )
      return [dxSum, ...perLayer, ...found, ...(lengths ? [null] : [])]
    },
    lower: (context) => {
      const needsSaved = context.used.slice(1 + states).some(Boolean)
      return needsSaved || context.emit.target.mode === 'train' ? lowerLoop(context, cell) : lowerToStock(context, name)
    },
  })
}

/** The backward loop: from the gradients of outputs and last states to those of pre-activations and initial states. */
function recurrenceGradient(name: CellName): OpRule {
  const cell = cells[name]
  const { gates, states } = cell
  return row<Recurrence>({
    // Each direction's dz [T, B, gates H], with a candidate's bias those of the recurrent side too; initial states' gradients.
    shape: ({ x, attributes: { direction } }) => {
      const D = directionCount(direction)
      const [T, B, width] = x[0]!.shape
      const dz = { dtype: x[0]!.dtype, shape: [T!, B!, (gates * Number(width)) / D] }
      return [...Array(cell.candidateBias ? 2 * D : D).fill(dz), ...x.slice(1, 1 + states)]
    },
    // No second order: all outputs count as saved.
    saved: 0,
    grad: () => [],
    lower: ({ emit, names, x, attributes: { direction, lengths } }) => {
      const D = directionCount(direction)
      const rest = [...names]
      const [T, B, width] = x[0]!.shape as [Dim, Dim, number]
      const H = width / D
      const dy = splitDirections(emit, rest.shift()!, x[0]!.shape, D)
      const dLast = rest.splice(0, states)
      const slopes = rest.splice(0, cell.slopes.length)
      const recurrent = stackWeights(emit, rest.splice(0, D))
      const real = lengths ? realSteps(emit, rest.shift()!, T, B) : undefined
      const transposed = emit.op('Transpose', [recurrent], { perm: [0, 2, 1] })
      const { states: dInitial, outputs } = walk(emit, {
        direction,
        backwards: true,
        batch: B,
        states: dLast.map((state) => ({ name: state, width: H })),
        sequences: [
          { names: dy, width: H, apart: true },
          ...slopes.map((name, i) => ({ names: [name], width: cell.slopes[i]! * H })),
          ...(real ? [{ names: Array(D).fill(emit.cast(real, 'float32')), width: 1, apart: true }] : []),
        ],
        outputs: [{ width: gates * H, apart: true }, ...(cell.candidateBias ? [{ width: H, apart: true }] : [])],
        step: (d, [dyNow, ...others]) => {
          const back = { dy: dyNow!, recurrent: transposed, real: real && others.pop() }
          const made = cell.back(emit, d, others, back)
          return { states: made.states, outputs: made.candidate ? [made.gates, made.candidate] : [made.gates] }
        },
      })
      const flat = (name: string, width: number) => emit.reshape(name, [T, 1, B, width], [T, B, width])
      const recurrentSide = outputs[0]!.map((name) => flat(name, gates * H))
      if (!cell.candidateBias) return [...recurrentSide, ...dInitial]
      const inputSide = recurrentSide.map((name, d) => {
        const shared = emit.slice(name, { axis: 2, size: gates * H, start: 0, end: (gates - 1) * H })
        return emit.op('Concat', [shared, flat(outputs[1]![d]!, H)], { axis: 2 })
      })
      return [...inputSide, ...recurrentSide, ...dInitial]
    },
  })
}

function lowerLoop({ emit, names, x: info, y, attributes }: LowerContext<Recurrence>, cell: Cell): string[] {
  const { direction } = attributes
  const { x, layers, initial, lengths } = recurrentInputs(names, cell, attributes)
  const [T, B, I] = info[0]!.shape as [Dim, Dim, Dim]
  const D = layers.length
  const H = Number(y[0]!.shape[2]) / D
  const N = multiplyDims(T, B)
  const flatX = emit.reshape(x, [T, B, I], [N, I])
  const z = layers.map(({ weight, bias }) =>
    emit.reshape(emit.op('Gemm', [flatX, weight, bias]), [N, cell.gates * H], [T, 1, B, cell.gates * H]),
  )
  const recurrent = stackWeights(
    emit,
    layers.map((layer) => layer.recurrent),
  )
  const candidateBias = cell.candidateBias
    ? stackWeights(
        emit,
        layers.map((layer) => emit.reshape(layer.candidateBias!, [H], [1, H])),
      )
    : ''
  const real = lengths && realSteps(emit, lengths, T, B)
  const { states, outputs } = walk(emit, {
    direction,
    batch: B,
    states: initial.map((name) => ({ name, width: H })),
    sequences: [
      { names: z, width: cell.gates * H, apart: true },
      ...(real ? [{ names: Array(D).fill(real), width: 1, dtype: 'bool' as const, apart: true }] : []),
    ],
    outputs: [{ width: H, apart: true }, ...cell.slopes.map((width) => ({ width: width * H }))],
    step: (before, [zNow, realNow]) => {
      const made = cell.step(emit, before, { z: zNow!, recurrent, candidateBias, real: realNow, width: H })
      return { states: made.states, outputs: [made.states[0]!, ...made.slopes] }
    },
  })
  const kept = outputs[0]!.map((name) => emit.reshape(name, [T, 1, B, H], [T, B, H]))
  const joined = D === 1 ? kept[0]! : emit.op('Concat', kept, { axis: 2 })
  const flags = real && emit.reshape(emit.cast(real, 'float32'), [T, 1, B, 1], [T, B, 1])
  const seen = flags ? emit.op('Mul', [joined, flags]) : joined
  return [seen, ...states, ...kept, ...outputs.slice(1).flat()]
}

/** bool [T, 1, B, 1]: whether the row lasts at the step. */
const realSteps = (emit: Emitter, lengths: string, T: Dim, B: Dim): string =>
  emit.op('Unsqueeze', [lastingSteps(emit, lengths, T, B), emit.ints([1])])

/** One matrix a direction as [D, rows, columns]. */
const stackWeights = (emit: Emitter, names: readonly string[]): string => {
  const stacked = names.map((name) => emit.op('Unsqueeze', [name, emit.ints([0])]))
  return stacked.length === 1 ? stacked[0]! : emit.op('Concat', stacked, { axis: 0 })
}

/** [T, B, D H] as D times [T, 1, B, H]. */
const splitDirections = (emit: Emitter, name: string, [T, B, width]: Shape, D: number): string[] => {
  const H = Number(width) / D
  const parts = D === 1 ? [name] : emit.ops('Split', [name], D, { axis: 2, num_outputs: D })
  return parts.map((part) => emit.reshape(part, [T!, B!, H], [T!, 1, B!, H]))
}

/** The state each step began with, in the order of time: [T, B, H]. */
function statesBefore(kept: Value, initial: Value, d: number, direction: Direction): Value {
  const first = slice(initial, { axis: 0, start: d, end: d + 1 })
  if (direction === 'reverse' || d === 1) return concat([slice(kept, { axis: 0, start: 1 }), first], 0)
  return concat([first, slice(kept, { axis: 0, end: -1 })], 0)
}

/** [T, B, width] -> [T B, width] */
const rows = (x: Value): Value => reshape(x, [multiplyDims(x.shape[0]!, x.shape[1]!), x.shape[2]!])

const requireShape = (value: ValueInfo, shape: Shape, what: string): void => {
  if (printShape(value.shape) !== printShape(shape))
    throw new RuleViolation(`${what} must be ${printShape(shape)}, found ${printShape(value.shape)}`)
}

export const recurrent = {
  rnn: recurrence('rnn'),
  lstm: recurrence('lstm'),
  gru: recurrence('gru'),
  rnnGradient: recurrenceGradient('rnn'),
  lstmGradient: recurrenceGradient('lstm'),
  gruGradient: recurrenceGradient('gru'),
} satisfies OpTable
