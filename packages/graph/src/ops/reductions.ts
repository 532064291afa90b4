import type { Dim } from '../dims.js'
import { cast, div, equal, exp, greater, mul, sub, where } from '../functions/elementwise.js'
import { cumSum, reduceProduct, reduceSum } from '../functions/reductions.js'
import { countOf, expand, reshape, scatterElementsAdd, zerosLike } from '../functions/shape.js'
import type { Value, ValueInfo } from '../graph.js'
import { type LowerContext, none, type OpTable, RuleViolation, row } from '../rule.js'
import { reducedShape, requireFloat, sameFloat } from './shapes.js'

interface Axes {
  axes: readonly number[]
  keepDims: boolean
}

const reduced = ({ x, attributes }: { x: readonly ValueInfo[]; attributes: Axes }): ValueInfo[] => {
  requireFloat(x[0]!)
  return [{ dtype: x[0]!.dtype, shape: reducedShape(x[0]!.shape, attributes.axes, attributes.keepDims) }]
}

/** A reduced value with 1 in place of the axes that are gone, so that it broadcasts against x. */
const restore = (value: Value, x: Value, { axes }: Axes): Value => reshape(value, reducedShape(x.shape, axes, true))

const reduceAs =
  (opType: string) =>
  ({ emit, names, attributes }: LowerContext<Axes>): string[] => {
    if (attributes.axes.length === 0)
      return opType === 'ReduceSumSquare' ? [emit.op('Mul', [names[0]!, names[0]!])] : [...names]
    return [emit.op(opType, [names[0]!, emit.ints(attributes.axes)], { keepdims: attributes.keepDims ? 1 : 0 })]
  }

/** Largest or smallest; equal elements share the gradient. */
const extremum = (opType: 'ReduceMax' | 'ReduceMin') =>
  row<Axes>({
    shape: reduced,
    grad: ({ dy, y, attributes }, x) => {
      const isChosen = equal(x!, restore(y, x!, attributes))
      const ties = reduceSum(cast(isChosen, dy.dtype), attributes.axes, true)
      return [where(isChosen, div(restore(dy, x!, attributes), ties), 0)]
    },
    lower: reduceAs(opType),
  })

const index = (opType: 'ArgMax' | 'ArgMin') =>
  row<{ axis: number; keepDims: boolean }>({
    shape: ({ x, attributes }) => [
      { dtype: 'int64', shape: reducedShape(x[0]!.shape, [attributes.axis], attributes.keepDims) },
    ],
    grad: none,
    lower: ({ emit, names, attributes: { axis, keepDims } }) => [
      emit.op(opType, names, { axis, keepdims: keepDims ? 1 : 0 }),
    ],
  })

export const reductions = {
  reduceSum: row<Axes>({
    shape: reduced,
    grad: ({ dy, attributes }, x) => [expand(restore(dy, x!, attributes), x!.shape)],
    lower: (context) => {
      const { emit, names, attributes, x, y } = context
      const isColumnSum = x[0]!.shape.length === 2 && attributes.axes.join() === '0'
      if (!isColumnSum || x[0]!.dtype !== 'float32') return reduceAs('ReduceSum')(context)
      const [rows, columns] = x[0]!.shape
      return [emit.reshape(emit.columnSums(names[0]!, rows!), [columns!], y[0]!.shape)]
    },
  }),
  reduceMean: row<Axes>({
    shape: reduced,
    grad: ({ dy, attributes }, x) => {
      return [expand(restore(div(dy, countOf(x!, attributes.axes)), x!, attributes), x!.shape)]
    },
    lower: reduceAs('ReduceMean'),
  }),
  reduceMax: extremum('ReduceMax'),
  reduceMin: extremum('ReduceMin'),
  reduceSumSquare: row<Axes>({
    shape: reduced,
    grad: ({ dy, attributes }, x) => [mul(x!, mul(restore(dy, x!, attributes), 2))],
    lower: reduceAs('ReduceSumSquare'),
  }),
  reduceProduct: row<Axes>({
    shape: reduced,
    // The product of the others: y/x, but with zeros put aside, since one zero leaves only its own gradient and two leave none.
    grad: ({ dy, attributes }, x) => {
      const { axes } = attributes
      const isZero = equal(x!, 0)
      const rest = where(isZero, 1, x!)
      const zeros = cast(isZero, dy.dtype)
      const otherZeros = sub(reduceSum(zeros, axes, true), zeros)
      const others = div(reduceProduct(rest, axes, true), rest)
      return [where(greater(otherZeros, 0.5), 0, mul(restore(dy, x!, attributes), others))]
    },
    lower: reduceAs('ReduceProd'),
  }),
  logSumExp: row<Axes>({
    shape: reduced,
    grad: ({ dy, y, attributes }, x) => [mul(restore(dy, x!, attributes), exp(sub(x!, restore(y, x!, attributes))))],
    lower: reduceAs('ReduceLogSumExp'),
  }),
  argMax: index('ArgMax'),
  argMin: index('ArgMin'),
  cumSum: row<{ axis: number; exclusive: boolean; reverse: boolean }>({
    shape: sameFloat,
    grad: ({ dy, attributes: { axis, exclusive, reverse } }) => [cumSum(dy, axis, { exclusive, reverse: !reverse })],
    lower: ({ emit, names, attributes: { axis, exclusive, reverse } }) => [
      emit.op('CumSum', [names[0]!, emit.scalar(axis, 'int64')], { exclusive: +exclusive, reverse: +reverse }),
    ],
  }),
  topK: row<{ k: Dim; axis: number; largest: boolean }>({
    shape: ({ x: [x], attributes: { k, axis } }) => {
      const size = x!.shape[axis]!
      if (typeof size === 'number' && typeof k === 'number' && k > size)
        throw new RuleViolation(`cannot take ${k} of ${size} elements`)
      const shape = x!.shape.with(axis, k)
      return [
        { dtype: x!.dtype, shape },
        { dtype: 'int64', shape },
      ]
    },
    grad: ({ dy, ys, attributes: { axis } }, x) => [scatterElementsAdd(zerosLike(x!), ys[1]!, dy, axis)],
    lower: ({ emit, names, attributes: { k, axis, largest } }) => [
      ...emit.ops('TopK', [names[0]!, emit.shape([k])], 2, { axis, largest: +largest }),
    ],
  }),
} satisfies OpTable
