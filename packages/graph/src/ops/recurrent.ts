import { addDims, type Dim, multiplyDims, printShape, type Shape, subtractDims } from '../dims.js'
import { add } from '../functions/elementwise.js'
import { matMul } from '../functions/layers.js'
import { reduceSum } from '../functions/reductions.js'
import { concat, flip, reshape, slice, split, transpose, zerosLike } from '../functions/shape.js'
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
    // y [T, B, D H], the last states [D, B, H]; saved of all steps: what the weights were multiplied with - the state before,
    // the input, a one -, and what the cell keeps.
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
        like(T!, D, addDims(H, I!, 1), B!),
        ...Array.from({ length: cell.saved }, () => like(T!, D, H, B!)),
      ]
    },
    saved: 1 + states,
    // The loops give the gradients of the pre-activations of all steps; the rest is one product for each operand.
    grad: ({ dys, ys, dy, attributes }, ...values) => {
      const { layers, lengths } = recurrentInputs(values, cell, attributes)
      const [operand, ...saved] = ys.slice(1 + states) as [Value, ...Value[]]
      const dLast = ys.slice(1, 1 + states).map((state, i) => dys[1 + i] ?? zerosLike(state))
      const weights = layers.map(({ recurrent }) => recurrent)
      const rest = [dy, ...dLast, ...saved, ...weights, ...(lengths ? [lengths] : [])]
      const found = dy.builder.append(`${name}Gradient`, rest, { ...attributes })
      const dz = found.shift()!
      const dq = cell.candidateBias ? found.shift()! : undefined
      const own = layerGradients(layers, operand, dz, dq)
      return [inputGradient(layers, attributes, dz), ...own, ...found, ...(lengths ? [null] : [])]
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
    // Of all steps the pre-activations' gradients, with a candidate's bias those of its recurrent product; of the initial states.
    shape: ({ x, attributes: { direction } }) => {
      const [T, B, width] = x[0]!.shape
      const D = directionCount(direction)
      const H = Number(width) / D
      const like = (own: number): ValueInfo => ({ dtype: x[0]!.dtype, shape: [T!, D, own, B!] })
      return [like(gates * H), ...(cell.candidateBias ? [like(H)] : []), ...x.slice(1, 1 + states)]
    },
    // No second order: all outputs count as saved.
    saved: 0,
    grad: () => [],
    lower: (context) => lowerBackward(context, cell),
  })
}

/** Of x, from the pre-activations' [T, D, gates H, B]. */
function inputGradient(layers: readonly Layer<Value>[], { direction }: Recurrence, dz: Value): Value {
  const weights = concat(
    layers.map(({ weight }) => reshape(weight, [1, ...weight.shape])),
    0,
  )
  const parts = ofDirections(matMul(weights, dz), 1)
  const inTime = directions(direction).map((against, d) => (against ? flip(parts[d]!, 0) : parts[d]!))
  return transpose(
    inTime.reduce((a, b) => add(a, b)),
    [0, 2, 1],
  )
}

/** Of the layers' weights, in their order as inputs. */
function layerGradients(layers: readonly Layer<Value>[], operand: Value, dz: Value, dq: Value | undefined): Value[] {
  const { recurrent, weight, bias } = layers[0]!
  const [H, I] = [recurrent.shape[0]!, weight.shape[0]!]
  const [dRecurrent, dWeight, dBias] = split(weightGradient(operand, dz), [H, I, 1], 1) as [Value, Value, Value]
  const shared = {
    weight: ofDirections(dWeight, 0),
    bias: ofDirections(dBias, 0).map((one) => reshape(one, bias.shape)),
  }
  if (!dq) {
    const own = ofDirections(dRecurrent, 0)
    return layers.flatMap((_, d) => [shared.weight[d]!, own[d]!, shared.bias[d]!])
  }
  // The candidate's recurrent product has a gradient of its own.
  const candidate = weightGradient(slice(operand, { axis: 2, end: H }), dq)
  const others = slice(dRecurrent, { axis: 2, end: subtractDims(recurrent.shape[1]!, H) })
  const own = ofDirections(concat([others, candidate], 2), 0)
  const biases = ofDirections(reduceSum(rowsOf(dq), -1), 0)
  return layers.flatMap((_, d) => [shared.weight[d]!, own[d]!, shared.bias[d]!, biases[d]!])
}

/** Of what the steps were multiplied with: [D, K, gates H]. */
const weightGradient = (operand: Value, dz: Value): Value => matMul(rowsOf(operand), rowsOf(dz), { transB: true })

/** [T, D, width, B] -> [D, width, T B] */
function rowsOf(steps: Value): Value {
  const [T, D, width, B] = steps.shape as [Dim, Dim, Dim, Dim]
  return reshape(transpose(steps, [1, 2, 0, 3]), [D, width, multiplyDims(T, B)])
}

/** Cuts apart the axis of the directions, which goes. */
function ofDirections(value: Value, axis: number): Value[] {
  const D = Number(value.shape[axis])
  const own = D === 1 ? [value] : split(value, Array<Dim>(D).fill(1), axis)
  return own.map((one) => reshape(one, one.shape.toSpliced(axis, 1)))
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
