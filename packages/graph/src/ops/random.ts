import { type Shape, sizeOf } from '../dims.js'
import { mul } from '../functions/elementwise.js'
import type { Emitter } from '../onnx/emitter.js'
import { type OpTable, row } from '../rule.js'
import { requireDtype, requireFloat, requireRank } from './shapes.js'

interface Dropout {
  p: number
  salt: number
}

const twoTo32 = 2 ** 32

/** The finaliser of MurmurHash3 (Appleby): every input bit changes about half of the output bits. */
function mix(h: number): number {
  let x = h >>> 0
  x = Math.imul(x ^ (x >>> 16), 0x85ebca6b)
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35)
  return (x ^ (x >>> 16)) >>> 0
}

const mixInOnnx = (emit: Emitter, h: string): string => {
  const u = (value: number) => emit.scalar(value, 'uint32')
  const xorShift = (x: string, by: number) =>
    emit.op('BitwiseXor', [x, emit.op('BitShift', [x, u(by)], { direction: 'RIGHT' })])
  const first = emit.op('Mul', [xorShift(h, 16), u(0x85ebca6b)])
  const second = emit.op('Mul', [xorShift(first, 13), u(0xc2b2ae35)])
  return xorShift(second, 16)
}

/**
 * uint32 [rows, elements of a row], a hash of each element's row and of its place in the row. `first` is the row that this batch
 * begins with, so that a share of a batch gets the numbers it has in the whole.
 */
function hashInOnnx(emit: Emitter, shape: Shape, own: string, first: string | undefined): string {
  const [height, ...rest] = shape
  const rows = height ?? 1
  const [zero, one] = [0, 1].map((value) => emit.scalar(value, 'int64'))
  const from = first ? emit.cast(first, 'int64') : zero!
  const to = first ? emit.op('Add', [from, emit.dim(rows)]) : emit.dim(rows)
  const row = emit.reshape(emit.op('Range', [from, to, one!]), [rows], [rows, 1])
  const place = emit.op('Range', [zero!, emit.dim(sizeOf(rest)), one!])
  const spread = emit.op('Mul', [emit.cast(place, 'uint32'), emit.scalar(0x9e3779b1, 'uint32')])
  const start = mixInOnnx(emit, emit.op('BitwiseXor', [emit.cast(row, 'uint32'), own]))
  return mixInOnnx(emit, emit.op('BitwiseXor', [start, spread]))
}

export const random = {
  dropout: row<Dropout>({
    // Saved: the factor of each element, 0 or 1/(1-p).
    shape: ({ x: [x, seed, firstRow] }) => {
      requireFloat(x!)
      for (const [scalar, what] of [[seed, 'the seed'] as const, [firstRow, 'the first row'] as const]) {
        if (!scalar) continue
        requireDtype(scalar, 'uint32')
        requireRank(scalar, 0, what)
      }
      return [x!, x!]
    },
    saved: 1,
    grad: ({ dy, ys: [, factor] }) => [mul(dy, factor!), null, null],
    lower: ({ emit, names: [x, seed, firstRow], x: info, attributes: { p, salt } }) => {
      const { dtype, shape } = info[0]!
      const own = emit.op('BitwiseXor', [seed!, emit.scalar(mix(salt + 1), 'uint32')])
      const hash = hashInOnnx(emit, shape, own, firstRow)
      const keep = emit.op('Less', [hash, emit.scalar(Math.floor((1 - p) * twoTo32), 'uint32')])
      const matrix = emit.op('Where', [keep, emit.scalar(1 / (1 - p), dtype), emit.scalar(0, dtype)])
      const factor = emit.reshape(matrix, [shape[0] ?? 1, sizeOf(shape.slice(1))], shape)
      return [emit.op('Mul', [x!, factor]), factor]
    },
  }),
} satisfies OpTable
