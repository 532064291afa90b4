import { type Dim, multiplyDims, printShape, type Shape } from '../dims.js'
import { matMul } from '../functions/layers.js'
import { reduceSum } from '../functions/reductions.js'
import { concat, reshape, slice, split, zerosLike } from '../functions/shape.js'
import type { Value, ValueInfo } from '../graph.js'
import { type OpRule, type OpTable, RuleViolation, row } from '../rule.js'
import { cells, gatesOf } from './recurrent-cells.js'
import { type Recurrence, recurrentInputs } from './recurrent-inputs.js'
import { lowerBackward, lowerForward } from './recurrent-loop.js'
import { type Direction, directionCount } from './recurrent-scan.js'
import { lowerToStock } from './recurrent-stock.js'
import { requireDtype, requireRank } from './shapes.js'

type CellName = keyof typeof cells

/** x [T, B, I], each direction's weight [I, gates H], recurrent [H, gates H], bias, … as one op. */
function recurrence(name: CellName): OpRule {
  const cell = cells[name]
  const { states } = cell
  const gates = gatesOf(cell)
  return row<Recurrence>({
    // y [T, B, D H], the last states [D, B, H]; saved, of each direction: its states and what the cell keeps, [T, B, H].
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
        ...layers.flatMap(() => Array.from({ length: 1 + cell.saved }, () => like(T!, B!, H))),
      ]
    },
    saved: 1 + states,
    // The loop gives the gradients of the pre-activations of all steps; the rest is one product for each operand.
    grad: ({ dys, ys, dy, attributes }, ...values) => {
      const { x, layers, initial, lengths } = recurrentInputs(values, cell, attributes)
      const D = layers.length
      const saved = ys.slice(1 + states)
      const dLast = ys.slice(1, 1 + states).map((state, i) => dys[1 + i] ?? zerosLike(state))
      const weights = layers.map(({ recurrent }) => recurrent)
      const operands = [dy, ...dLast, ...saved, ...weights, ...(lengths ? [lengths] : [])]
      const found = dy.builder.append(`${name}Gradient`, operands, { ...attributes })
      const dz = found.splice(0, D)
      const dr = cell.candidateBias ? found.splice(0, D) : dz
      const flatX = rows(x)
      const dx = dz.map((d, i) => matMul(rows(d), layers[i]!.weight, { transB: true }))
      const perLayer = layers.flatMap(({ candidateBias }, d) => {
        const hidden = saved[d * (1 + cell.saved)]!
        const before = statesBefore(hidden, initial[0]!, d, attributes.direction)
        const H = hidden.shape[2]!
        const candidate = candidateBias
          ? [reduceSum(slice(rows(dr[d]!), { axis: 1, start: multiplyDims(2, H) }), 0)]
          : []
        const products = weightGradients(flatX, rows(before), rows(dz[d]!), candidateBias && rows(dr[d]!))
        return [...products, reduceSum(rows(dz[d]!), 0), ...candidate]
      })
      const dxSum = reshape(
        dx.reduce((a, b) => dx[0]!.builder.append('add', [a, b])[0]!),
        x.shape,
      )
      return [dxSum, ...perLayer, ...found, ...(lengths ? [null] : [])]
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
    lower: (context) => lowerBackward(context, cell),
  })
}

/** Of the weights of input and state; in one product, faster than two, where both lead to the same pre-activations. */
function weightGradients(x: Value, before: Value, dz: Value, dr: Value | undefined): Value[] {
  if (dr) return [matMul(x, dz, { transA: true }), matMul(before, dr, { transA: true })]
  return split(matMul(concat([x, before], 1), dz, { transA: true }), [x.shape[1]!, before.shape[1]!], 0)
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
