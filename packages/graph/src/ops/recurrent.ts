import { addDims, type Dim, multiplyDims, printShape, type Shape, subtractDims } from '../dims.js'
import { add } from '../functions/elementwise.js'
import { matMul } from '../functions/layers.js'
import { reduceSum } from '../functions/reductions.js'
import { concat, reshape, slice, split, transpose, zerosLike } from '../functions/shape.js'
import type { Value, ValueInfo } from '../graph.js'
import { type OpRule, type OpTable, RuleViolation, row } from '../rule.js'
import { cells } from './recurrent-cells.js'
import { type Layer, type Recurrence, recurrentInputs } from './recurrent-inputs.js'
import { lowerBackward, lowerForward } from './recurrent-loop.js'
import { directionCount, directions } from './recurrent-steps.js'
import { lowerToStock } from './recurrent-stock.js'
import { requireDtype, requireRank } from './shapes.js'

type CellName = keyof typeof cells

/** x [T, B, I], each direction's weight [I, gates H], recurrent [H, gates H], bias, … as one op. */
function recurrence(name: CellName): OpRule {
  const cell = cells[name]
  const { states, gates } = cell
  return row<Recurrence>({
    // y [T, B, D H], the last states [D, B, H]; saved of all steps: what each direction's weights were multiplied with - the
    // state before, the input, a one -, and the cell's slopes.
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
        ...layers.map(() => like(T!, addDims(H, I!, 1), B!)),
        ...Array.from({ length: cell.slopes }, () => like(T!, D, H, B!)),
      ]
    },
    saved: 1 + states,
    // The loops give the gradients of the pre-activations of all steps; the rest is one product for each operand.
    grad: ({ dys, ys, dy, attributes }, ...values) => {
      const { layers, lengths } = recurrentInputs(values, cell, attributes)
      const slopes = ys.slice(1 + states)
      const operands = slopes.splice(0, layers.length)
      const dLast = ys.slice(1, 1 + states).map((state, i) => dys[1 + i] ?? zerosLike(state))
      const weights = layers.map(({ recurrent }) => recurrent)
      const rest = [dy, ...dLast, ...slopes, ...weights, ...(lengths ? [lengths] : [])]
      const found = dy.builder.append(`${name}Gradient`, rest, { ...attributes })
      const dzs = found.splice(0, layers.length)
      const dqs = cell.candidateBias ? found.splice(0, layers.length) : []
      const dx = layers.map(({ weight }, d) => matMul(weight, dzs[d]!)).reduce((a, b) => add(a, b))
      const own = layers.flatMap((layer, d) => layerGradients(layer, operands[d]!, dzs[d]!, dqs[d]))
      return [transpose(dx, [0, 2, 1]), ...own, ...found, ...(lengths ? [null] : [])]
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
  const { states, gates } = cell
  return row<Recurrence>({
    // Of all steps the pre-activations' gradients of each direction, with a candidate's bias those of its recurrent product; of
    // the initial states.
    shape: ({ x, attributes: { direction } }) => {
      const [T, B, width] = x[0]!.shape
      const H = Number(width) / directionCount(direction)
      const each = (own: number): ValueInfo[] =>
        directions(direction).map(() => ({ dtype: x[0]!.dtype, shape: [T!, own, B!] }))
      return [...each(gates * H), ...(cell.candidateBias ? each(H) : []), ...x.slice(1, 1 + states)]
    },
    // No second order: all outputs count as saved.
    saved: 0,
    grad: () => [],
    lower: (context) => lowerBackward(context, cell),
  })
}

/** Of a layer's weights, in their order as inputs. */
function layerGradients({ weight, recurrent, bias }: Layer<Value>, operand: Value, dz: Value, dq: Value | undefined) {
  const [H, I] = [recurrent.shape[0]!, weight.shape[0]!]
  const [dRecurrent, dWeight, dBias] = split(weightGradient(operand, dz), [H, I, 1], 0) as [Value, Value, Value]
  const shared = [dWeight, dRecurrent, reshape(dBias, bias.shape)]
  if (!dq) return shared
  // The candidate's recurrent product has a gradient of its own.
  const own = weightGradient(slice(operand, { axis: 1, end: H }), dq)
  const others = slice(dRecurrent, { axis: 1, end: subtractDims(recurrent.shape[1]!, H) })
  return [dWeight, concat([others, own], 1), shared[2]!, reduceSum(rowsOf(dq), -1)]
}

/** Of what the steps of a direction were multiplied with: [K, gates H]. */
const weightGradient = (operand: Value, dz: Value): Value => matMul(rowsOf(operand), rowsOf(dz), { transB: true })

/** [T, width, B] -> [width, T B] */
function rowsOf(steps: Value): Value {
  const [T, width, B] = steps.shape as [Dim, Dim, Dim]
  return reshape(transpose(steps, [1, 0, 2]), [width, multiplyDims(T, B)])
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
