import { addDims, type Dim, multiplyDims, printShape, type Shape, subtractDims } from '../dims.js'
import { add } from '../functions/elementwise.js'
import { matMul } from '../functions/layers.js'
import { reduceSum } from '../functions/reductions.js'
import { concat, flip, reshape, slice, split, squeeze, transpose, unsqueeze, zerosLike } from '../functions/shape.js'
import type { Value, ValueInfo } from '../graph.js'
import { type OpRule, type OpTable, RuleViolation, row } from '../rule.js'
import { cells, gatesOf } from './recurrent-cells.js'
import { type Recurrence, recurrentInputs } from './recurrent-inputs.js'
import { lowerBackward, lowerForward } from './recurrent-loop.js'
import { columns, type Direction, directionCount } from './recurrent-steps.js'
import { lowerToStock } from './recurrent-stock.js'
import { requireDtype, requireRank } from './shapes.js'

type CellName = keyof typeof cells

/** x [T, B, I], each direction's weight [I, gates H], recurrent [H, gates H], bias, … as one op. */
function recurrence(name: CellName): OpRule {
  const cell = cells[name]
  const { states } = cell
  const gates = gatesOf(cell)
  return row<Recurrence>({
    // y [T, B, D H], the last states [D, B, H]; saved, of all steps: what the weights were multiplied with - the state
    // before, the input, a one -, the hidden states, what the cell keeps.
    shape: ({ x: values, attributes }) => {
      const { direction } = attributes
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
        like(T!, ...columns(direction, addDims(H, I!, 1), B!)),
        ...Array.from({ length: 1 + cell.saved }, () => like(T!, ...columns(direction, H, B!))),
      ]
    },
    saved: 1 + states,
    // The loop gives the gradients of the pre-activations of all steps; the rest is one product for each operand.
    grad: ({ dys, ys, dy, attributes }, ...values) => {
      const { direction } = attributes
      const { layers, lengths } = recurrentInputs(values, cell, attributes)
      const [operands, ...saved] = ys.slice(1 + states) as [Value, ...Value[]]
      const dLast = ys.slice(1, 1 + states).map((state, i) => dys[1 + i] ?? zerosLike(state))
      const weights = layers.map(({ recurrent }) => recurrent)
      const rest = [dy, ...dLast, ...saved, ...weights, ...(lengths ? [lengths] : [])]
      const found = dy.builder.append(`${name}Gradient`, rest, { ...attributes })
      const dz = found.shift()!
      const dq = cell.candidateBias ? found.shift()! : undefined
      const products = ofDirections(weightGradient(operands, dz), direction)
      const candidates = dq && ofCandidates(operands, dq, direction)
      const perLayer = layers.flatMap(({ recurrent, weight, bias }, d) => {
        const [H, I] = [recurrent.shape[0]!, weight.shape[0]!]
        const [dRecurrent, dWeight, dBias] = split(products[d]!, [H, I, 1], 0) as [Value, Value, Value]
        const own = candidates?.[d]
        const shared = own && slice(dRecurrent, { axis: 1, end: subtractDims(recurrent.shape[1]!, H) })
        return [
          dWeight,
          own ? concat([shared!, own.recurrent], 1) : dRecurrent,
          reshape(dBias, bias.shape),
          ...(own ? [own.bias] : []),
        ]
      })
      const matrix = stacked(layers.map(({ weight }) => weight))
      const dx = inTime(matMul(matrix, dz), direction).reduce((a, b) => add(a, b))
      return [transpose(dx, [0, 2, 1]), ...perLayer, ...found, ...(lengths ? [null] : [])]
    },
    lower: (context) => {
      const needsSaved = context.used.slice(1 + states).some(Boolean)
      return needsSaved || context.emit.target.mode === 'train'
        ? lowerForward(context, cell)
        : lowerToStock(context, name)
    },
  })
}

/** The backward loop: from the gradients of outputs and last states to those of pre-activations and initial states. */
function recurrenceGradient(name: CellName): OpRule {
  const cell = cells[name]
  const { states } = cell
  const gates = gatesOf(cell)
  return row<Recurrence>({
    // Of all steps the pre-activations' gradients, with a candidate's bias those of its recurrent product; of the initial states.
    shape: ({ x, attributes: { direction } }) => {
      const [T, B, width] = x[0]!.shape
      const H = Number(width) / directionCount(direction)
      const like = (own: number): ValueInfo => ({ dtype: x[0]!.dtype, shape: [T!, ...columns(direction, own, B!)] })
      return [like(gates * H), ...(cell.candidateBias ? [like(H)] : []), ...x.slice(1, 1 + states)]
    },
    // No second order: all outputs count as saved.
    saved: 0,
    grad: () => [],
    lower: (context) => lowerBackward(context, cell),
  })
}

/** [T, width, B], or of both directions [T, 2, width, B] -> [width, T B], [2, width, T B]. */
function rowsOf(steps: Value): Value {
  const [T, ...rest] = steps.shape
  const B = rest.pop()!
  const perm = rest.length === 1 ? [1, 0, 2] : [1, 2, 0, 3]
  return reshape(transpose(steps, perm), [...rest, multiplyDims(T!, B)])
}

/** Of what the steps were multiplied with: [K, gates H], or of both directions [2, K, gates H]. */
function weightGradient(operand: Value, dz: Value): Value {
  // This way around the runtime packs the smaller of the two.
  const product = matMul(rowsOf(dz), rowsOf(operand), { transB: true })
  return transpose(product, product.shape.length === 2 ? [1, 0] : [0, 2, 1])
}

/** What lies along a first axis of two. */
const ofDirections = (value: Value, direction: Direction): Value[] =>
  direction === 'bidirectional' ? split(value, [1, 1], 0).map((half) => squeeze(half, 0)) : [value]

/** All steps -> of each direction [T, width, B] in the order of time. */
function inTime(steps: Value, direction: Direction): Value[] {
  if (direction !== 'bidirectional') return [direction === 'reverse' ? flip(steps, 0) : steps]
  const [forward, backward] = split(steps, [1, 1], 1).map((half) => squeeze(half, 1)) as [Value, Value]
  return [forward, flip(backward, 0)]
}

const stacked = (values: readonly Value[]): Value =>
  values.length === 1
    ? values[0]!
    : concat(
        values.map((value) => unsqueeze(value, 0)),
        0,
      )

/** Of each direction the gradients of a candidate's recurrent weight [H, H] and of its bias [H]. */
function ofCandidates(operands: Value, dq: Value, direction: Direction) {
  const before = slice(operands, { axis: -2, end: dq.shape.at(-2)! })
  const biases = ofDirections(reduceSum(rowsOf(dq), -1), direction)
  return ofDirections(weightGradient(before, dq), direction).map((recurrent, d) => ({ recurrent, bias: biases[d]! }))
}

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
