import { sizeOf } from '../dims.js'
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

export const random = {
  dropout: row<Dropout>({
    // Saved: the factor of each element, 0 or 1/(1-p).
    shape: ({ x: [x, seed] }) => {
      requireFloat(x!)
      requireDtype(seed!, 'uint32')
      requireRank(seed!, 0, 'the seed')
      return [x!, x!]
    },
    saved: 1,
    grad: ({ dy, ys: [, factor] }) => [mul(dy, factor!), null],
    lower: ({ emit, names: [x, seed], x: info, attributes: { p, salt } }) => {
      const { dtype, shape } = info[0]!
      const size = sizeOf(shape)
      const index = emit.op('Range', [emit.scalar(0, 'int64'), emit.dim(size), emit.scalar(1, 'int64')])
      const spread = emit.op('Mul', [emit.cast(index, 'uint32'), emit.scalar(0x9e3779b1, 'uint32')])
      const own = emit.op('BitwiseXor', [seed!, emit.scalar(mix(salt + 1), 'uint32')])
      const hash = mixInOnnx(emit, emit.op('BitwiseXor', [spread, own]))
      const keep = emit.op('Less', [hash, emit.scalar(Math.floor((1 - p) * twoTo32), 'uint32')])
      const flat = emit.op('Where', [keep, emit.scalar(1 / (1 - p), dtype), emit.scalar(0, dtype)])
      const factor = emit.reshape(flat, [size], shape)
      return [emit.op('Mul', [x!, factor]), factor]
    },
  }),
} satisfies OpTable
