import { addDims, type Dim, floorDivideDims, printShape, type Shape, sizeOf, subtractDims } from '../dims.js'
import { add, mul } from '../functions/elementwise.js'
import {
  concat,
  expand,
  flip,
  pad,
  range,
  reshape,
  scatterElementsAdd,
  slice,
  transpose,
  zerosLike,
} from '../functions/shape.js'
import { none, type OpTable, RuleViolation, row } from '../rule.js'
import type { DType } from '../tensor.js'
import { broadcastShapes, requireEqualDims, sameDtype } from './shapes.js'

interface Range {
  axis: number
  start: Dim
  end: Dim
  step: number
}

export const shapeOps = {
  reshape: row<{ shape: Shape }>({
    shape: ({ x, attributes: { shape } }) => {
      if (sizeOf(x[0]!.shape) !== sizeOf(shape))
        throw new RuleViolation(
          `${printShape(x[0]!.shape)} has ${sizeOf(x[0]!.shape)} elements, ${printShape(shape)} has ${sizeOf(shape)}`,
        )
      return [{ dtype: x[0]!.dtype, shape }]
    },
    grad: ({ dy }, x) => [reshape(dy, x!.shape)],
    lower: ({ emit, names, x, y }) => [emit.reshape(names[0]!, x[0]!.shape, y[0]!.shape)],
  }),
  transpose: row<{ perm: readonly number[] }>({
    shape: ({ x, attributes: { perm } }) => {
      const { dtype, shape } = x[0]!
      if (perm.length !== shape.length || perm.toSorted().some((axis, i) => axis !== i))
        throw new RuleViolation(`${printShape(perm)} is not a permutation of the axes of ${printShape(shape)}`)
      return [{ dtype, shape: perm.map((axis) => shape[axis]!) }]
    },
    grad: ({ dy, attributes: { perm } }) => [
      transpose(
        dy,
        perm.map((_, i) => perm.indexOf(i)),
      ),
    ],
    lower: ({ emit, names, attributes: { perm } }) => [emit.op('Transpose', names, { perm })],
  }),
  concat: row<{ axis: number }>({
    shape: ({ x, attributes: { axis } }) => {
      const [first] = x
      for (const other of x) {
        const fits = other.shape.length === first!.shape.length
        if (!fits || other.shape.some((d, i) => i !== axis && d !== first!.shape[i]))
          throw new RuleViolation(`shapes differ outside of axis ${axis}`)
      }
      const size = addDims(...x.map((v) => v.shape[axis]!))
      return [{ dtype: sameDtype(x), shape: first!.shape.with(axis, size) }]
    },
    grad: ({ dy, attributes: { axis } }, ...x) => {
      let start: Dim = 0
      return x.map((part) => {
        const end = addDims(start, part.shape[axis]!)
        const piece = slice(dy, { axis, start, end })
        start = end
        return piece
      })
    },
    lower: ({ emit, names, attributes }) => [emit.op('Concat', names, { axis: attributes.axis })],
  }),
  slice: row<Range>({
    shape: ({ x, attributes: { axis, start, end, step } }) => {
      const { dtype, shape } = x[0]!
      const length = subtractDims(end, start)
      const over = subtractDims(shape[axis]!, end)
      if (!(step >= 1) || (typeof length === 'number' && length < 0) || (typeof over === 'number' && over < 0))
        throw new RuleViolation(`cannot take ${start} to ${end} by steps of ${step} from axis ${axis}`)
      return [{ dtype, shape: shape.with(axis, floorDivideDims(addDims(length, step - 1), step)) }]
    },
    grad: ({ dy, attributes: { axis, start, end, step } }, x) => {
      if (step === 1) return [pad(dy, axis, start, subtractDims(x!.shape[axis]!, end))]
      if (typeof start !== 'number') throw new RuleViolation('no gradient of a strided slice with a symbolic start')
      const index = add(mul(range(dy.builder, dy.shape[axis]!), step), start)
      const column = reshape(
        index,
        dy.shape.map((d, i) => (i === axis ? d : 1)),
      )
      return [scatterElementsAdd(zerosLike(x!), expand(column, dy.shape), dy, axis)]
    },
    lower: ({ emit, names, x, attributes: { axis, start, end, step } }) => [
      emit.slice(names[0]!, { axis, size: x[0]!.shape[axis]!, start, end, step }),
    ],
  }),
  flip: row<{ axis: number }>({
    shape: ({ x }) => [x[0]!],
    grad: ({ dy, attributes: { axis } }) => [flip(dy, axis)],
    lower: ({ emit, names, attributes: { axis } }) => [emit.flip(names[0]!, axis)],
  }),
  split: row<{ sizes: readonly Dim[]; axis: number }>({
    shape: ({ x, attributes: { sizes, axis } }) => {
      requireEqualDims(addDims(...sizes), x[0]!.shape[axis]!, 'the sum of the sizes and the axis')
      return sizes.map((size) => ({ dtype: x[0]!.dtype, shape: x[0]!.shape.with(axis, size) }))
    },
    grad: ({ dys, ys, attributes: { axis } }) => [
      concat(
        dys.map((dy, i) => dy ?? zerosLike(ys[i]!)),
        axis,
      ),
    ],
    lower: ({ emit, names, attributes: { sizes, axis } }) =>
      sizes.length === 1 ? [...names] : [...emit.ops('Split', [names[0]!, emit.shape(sizes)], sizes.length, { axis })],
  }),
  expand: row<{ shape: Shape }>({
    shape: ({ x, attributes: { shape } }) => {
      const result = broadcastShapes(x[0]!.shape, shape)
      if (printShape(result) !== printShape(shape))
        throw new RuleViolation(`cannot expand ${printShape(x[0]!.shape)} to ${printShape(shape)}`)
      return [{ dtype: x[0]!.dtype, shape }]
    },
    grad: ({ dy }) => [dy],
    lower: ({ emit, names, attributes: { shape } }) => [emit.op('Expand', [names[0]!, emit.shape(shape)])],
  }),
  pad: row<{ axis: number; before: Dim; after: Dim; value: number }>({
    shape: ({ x, attributes: { axis, before, after } }) => [
      { dtype: x[0]!.dtype, shape: x[0]!.shape.with(axis, addDims(x[0]!.shape[axis]!, before, after)) },
    ],
    grad: ({ dy, attributes: { axis, before } }, x) => [
      slice(dy, { axis, start: before, end: addDims(before, x!.shape[axis]!) }),
    ],
    lower: ({ emit, names, x, attributes: { axis, before, after, value } }) => {
      const { shape, dtype } = x[0]!
      const pads = [before, after].flatMap((amount) => shape.map((_, i) => (i === axis ? amount : 0)))
      return [emit.op('Pad', [names[0]!, emit.shape(pads), emit.scalar(value, dtype)], { mode: 'constant' })]
    },
  }),
  shapeOf: {
    shape: ({ x }) => [{ dtype: 'int64', shape: [x[0]!.shape.length] }],
    grad: none,
    lower: ({ emit, names }) => [emit.op('Shape', names)],
  },
  dimension: row<{ dim: Dim }>({
    shape: () => [{ dtype: 'int64', shape: [] }],
    grad: none,
    lower: ({ emit, attributes }) => [emit.dim(attributes.dim)],
  }),
  range: row<{ limit: Dim }>({
    shape: ({ attributes: { limit } }) => [{ dtype: 'int64', shape: [limit] }],
    grad: none,
    lower: ({ emit, attributes: { limit } }) => [
      emit.op('Range', [emit.scalar(0, 'int64'), emit.dim(limit), emit.scalar(1, 'int64')]),
    ],
  }),
  fill: row<{ shape: Shape; value: number; dtype: DType }>({
    shape: ({ attributes: { shape, dtype } }) => [{ dtype, shape }],
    grad: none,
    lower: ({ emit, attributes: { shape, value, dtype } }) => [emit.filled(shape, value, dtype)],
  }),
} satisfies OpTable
