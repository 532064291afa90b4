import { type Dim, printShape, sizeOf } from '../dims.js'
import { matMul } from '../functions/layers.js'
import {
  fill,
  gather,
  gatherElements,
  reshape,
  scatterAdd,
  scatterElements,
  scatterElementsAdd,
  scatterRows,
  transpose,
  unsqueeze,
  zerosLike,
} from '../functions/shape.js'
import type { ValueInfo } from '../graph.js'
import { type OpTable, RuleViolation, row } from '../rule.js'
import { requireDtype, requireRank, sameDtype } from './shapes.js'

const requireIds = (ids: ValueInfo) => requireDtype(ids, 'int64', 'int32')

export const gatherOps = {
  gather: row<{ axis: number }>({
    shape: ({ x: [table, ids], attributes: { axis } }) => {
      requireIds(ids!)
      return [{ dtype: table!.dtype, shape: table!.shape.toSpliced(axis, 1, ...ids!.shape) }]
    },
    grad: ({ dy, attributes: { axis } }, table, ids) => {
      const rows = table!.shape[axis]!
      if (axis === 0) return [scatterAdd(dy, ids!, rows), null]
      // Bring the gathered axes to the front, sum the rows there, and put the axis back in its place.
      const axes = dy.shape.map((_, i) => i)
      const gathered = axes.splice(axis, ids!.shape.length)
      const summed = scatterAdd(transpose(dy, [...gathered, ...axes]), ids!, rows)
      const back = table!.shape.map((_, i) => (i === axis ? 0 : i < axis ? i + 1 : i))
      return [transpose(summed, back), null]
    },
    lower: ({ emit, names, attributes: { axis } }) => [emit.op('Gather', names, { axis })],
  }),
  gatherElements: row<{ axis: number }>({
    shape: ({ x: [data, indices] }) => {
      requireIds(indices!)
      requireRank(indices!, data!.shape.length, 'the indices')
      return [{ dtype: data!.dtype, shape: indices!.shape }]
    },
    grad: ({ dy, attributes: { axis } }, x, indices) => [scatterElementsAdd(zerosLike(x!), indices!, dy, axis), null],
    lower: ({ emit, names, attributes: { axis } }) => [emit.op('GatherElements', names, { axis })],
  }),
  scatterAdd: row<{ rows: Dim }>({
    shape: ({ x: [updates, ids], attributes: { rows } }) => {
      requireIds(ids!)
      const rank = ids!.shape.length
      if (ids!.shape.some((d, i) => d !== updates!.shape[i]))
        throw new RuleViolation('the updates must begin with the shape of the ids')
      return [{ dtype: updates!.dtype, shape: [rows, ...updates!.shape.slice(rank)] }]
    },
    grad: ({ dy }, _updates, ids) => [gather(dy, ids!, 0), null],
    // Not ScatterND: its reduction "add" loses updates of repeated rows when ONNX Runtime spreads it over threads.
    lower: ({ emit, names: [updates, ids], x: [update, id], y: [table], attributes: { rows } }) => {
      const count = sizeOf(id!.shape)
      const width = sizeOf(table!.shape.slice(1))
      const column = emit.reshape(ids!, id!.shape, [count, 1])
      const index = width === 1 ? column : emit.op('Expand', [column, emit.shape([count, width])])
      const matrix = emit.reshape(updates!, update!.shape, [count, width])
      const zeros = emit.filled([rows, width], 0, update!.dtype)
      const sums = emit.op('ScatterElements', [zeros, index, matrix], { axis: 0, reduction: 'add' })
      return [emit.reshape(sums, [rows, width], table!.shape)]
    },
  }),
  scatterElementsAdd: row<{ axis: number }>({
    shape: ({ x: [data, indices, updates] }) => {
      requireIds(indices!)
      if (indices!.shape.join() !== updates!.shape.join())
        throw new RuleViolation('indices and updates differ in shape')
      return [{ dtype: sameDtype([data!, updates!]), shape: data!.shape }]
    },
    grad: ({ dy, attributes: { axis } }, _data, indices) => [dy, null, gatherElements(dy, indices!, axis)],
    lower: ({ emit, names, attributes: { axis } }) => [emit.op('ScatterElements', names, { axis, reduction: 'add' })],
  }),
  scatterElements: row<{ axis: number }>({
    shape: ({ x: [data, indices, updates] }) => {
      requireIds(indices!)
      if (printShape(indices!.shape) !== printShape(updates!.shape))
        throw new RuleViolation(
          `indices ${printShape(indices!.shape)} and updates ${printShape(updates!.shape)} differ in shape`,
        )
      return [{ dtype: sameDtype([data!, updates!]), shape: data!.shape }]
    },
    grad: ({ dy, attributes: { axis } }, _data, indices, updates) => [
      scatterElements(dy, indices!, zerosLike(updates!), axis),
      null,
      gatherElements(dy, indices!, axis),
    ],
    lower: ({ emit, names, attributes: { axis } }) => [emit.op('ScatterElements', names, { axis })],
  }),
  scatterRows: row({
    shape: ({ x: [table, ids, rows] }) => {
      requireIds(ids!)
      requireRank(ids!, 1, 'the ids')
      const shape = [ids!.shape[0]!, ...table!.shape.slice(1)]
      if (printShape(rows!.shape) !== printShape(shape))
        throw new RuleViolation(`the rows must be ${printShape(shape)}`)
      return [{ dtype: sameDtype([table!, rows!]), shape: table!.shape }]
    },
    grad: ({ dy }, _table, ids, rows) => [scatterRows(dy, ids!, zerosLike(rows!)), null, gather(dy, ids!)],
    lower: ({ emit, names: [table, ids, rows] }) => [
      emit.op('ScatterND', [table!, emit.op('Unsqueeze', [ids!, emit.ints([1])]), rows!]),
    ],
  }),
  embeddingBag: {
    shape: ({ x: [rows, index, weights] }) => {
      requireRank(rows!, 2, 'the rows')
      requireIds(index!)
      requireRank(index!, 2, 'the index')
      if (index!.shape.join() !== weights!.shape.join()) throw new RuleViolation('index and weights differ in shape')
      return [{ dtype: sameDtype([rows!, weights!]), shape: [index!.shape[0]!, rows!.shape[1]!] }]
    },
    // y = W rows with W [B, U] the weights at their places, so drows = Wᵀ dy: a product instead of n scattered rows a bag,
    // several times faster.
    grad: ({ dy }, rows, index, weights) => {
      const places = fill(dy.builder, [index!.shape[0]!, rows!.shape[0]!], 0, dy.dtype)
      const dense = scatterElementsAdd(places, index!, weights!, 1)
      const products = matMul(gather(rows!, index!), unsqueeze(dy, 2))
      return [matMul(dense, dy, { transA: true }), null, reshape(products, weights!.shape)]
    },
    lower: ({ emit, names: [rows, index, weights], x, y: [y] }) => {
      const [B, n] = x[1]!.shape
      const [U, H] = x[0]!.shape as [Dim, Dim]
      // Rows taken from a table for this batch are few, and the backward pass needs W in any case.
      if (emit.target.mode === 'train' && typeof U !== 'number') {
        const places = emit.filled([B!, U], 0, y!.dtype)
        const dense = emit.op('ScatterElements', [places, index!, weights!], { axis: 1, reduction: 'add' })
        return [emit.op('MatMul', [dense, rows!])]
      }
      const gathered = emit.op('Gather', [rows!, index!], { axis: 0 })
      const sums = emit.op('MatMul', [emit.reshape(weights!, [B!, n!], [B!, 1, n!]), gathered])
      return [emit.reshape(sums, [B!, 1, H], [B!, H])]
    },
  },
} satisfies OpTable
