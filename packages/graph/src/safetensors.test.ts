import { describe, expect, it } from 'vitest'
import { readSafetensors, SafetensorsError, writeSafetensors } from './safetensors.js'
import { type DType, type Tensor, tensorOf } from './tensor.js'

const every: DType[] = ['float32', 'float16', 'float64', 'int64', 'int32', 'uint32', 'uint8', 'int8', 'bool']

/** A file with this header (text or JSON) and data. */
function file(header: unknown, data: readonly number[] = [], claimed?: number): Uint8Array {
  const text = new TextEncoder().encode(typeof header === 'string' ? header : JSON.stringify(header))
  const bytes = new Uint8Array(8 + text.length + data.length)
  new DataView(bytes.buffer).setBigUint64(0, BigInt(claimed ?? text.length), true)
  bytes.set(text, 8)
  bytes.set(data, 8 + text.length)
  return bytes
}

const entry = (dtype: string, shape: unknown, offsets: unknown) => ({ dtype, shape, data_offsets: offsets })

describe('safetensors', () => {
  it('keeps every dtype, scalars, empty tensors and metadata', () => {
    const tensors = new Map<string, Tensor>(every.map((dtype) => [`t.${dtype}`, tensorOf(dtype, [3], [1, 0, 1])]))
    tensors.set('scalar', tensorOf('float32', [], [2.5]))
    tensors.set('empty', tensorOf('int64', [0, 4], []))
    const read = readSafetensors(writeSafetensors(tensors, { format: 'pt', note: 'Grüße 你好' }))
    expect(read.metadata).toEqual({ format: 'pt', note: 'Grüße 你好' })
    expect(new Map([...read.tensors].sort())).toEqual(new Map([...tensors].sort()))
  })

  it('gives the same bytes for the same tensors in another order', () => {
    const a: [string, Tensor][] = [
      ['x', tensorOf('float32', [1], [1])],
      ['y', tensorOf('int8', [1], [2])],
    ]
    expect(writeSafetensors(new Map(a))).toEqual(writeSafetensors(new Map(a.toReversed())))
  })

  it('writes what the format says, byte by byte', () => {
    const bytes = writeSafetensors(new Map([['w', tensorOf('float32', [1, 2], [1, -2])]]))
    const header = '{"w":{"dtype":"F32","shape":[1,2],"data_offsets":[0,8]}}'
    expect(bytes).toEqual(file(header.padEnd(Math.ceil(header.length / 8) * 8), [0, 0, 0x80, 0x3f, 0, 0, 0, 0xc0]))
  })

  it('reads unaligned data, also from a Buffer', () => {
    const bytes = file({ w: entry('F64', [1], [0, 8]) }, [0, 0, 0, 0, 0, 0, 0xf0, 0x3f])
    const shifted = Buffer.concat([Buffer.from([0]), bytes]).subarray(1)
    expect([...readSafetensors(shifted).tensors.get('w')!.data]).toEqual([1])
  })

  const eight = [0, 0, 0, 0, 0, 0, 0, 0]
  const w = entry('F32', [2], [0, 8])
  it.each([
    ['no header', new Uint8Array(7), '7 bytes are fewer than the 8 of the header length'],
    ['a header beyond the file', file({}, [], 900), 'the header claims 900 bytes'],
    ['an oversized header', file({}, [], 2 ** 40), 'at most 100000000 are allowed'],
    ['a header that is no object', file('[]'), 'does not begin with "{"'],
    ['broken JSON', file('{"w":'), 'not UTF-8 JSON'],
    ['broken UTF-8', file('{}   ').fill(0xff, 10), 'not UTF-8 JSON'],
    [
      'data cut short',
      file({ w }, eight.slice(1)),
      'the tensors cover 8 bytes of data, the file holds 7 (is it cut short?)',
    ],
    ['data left over', file({ w }, [...eight, 0]), 'the tensors cover 8 bytes of data, the file holds 9'],
    ['a gap', file({ w: entry('F32', [1], [4, 8]) }, eight), 'begins at byte 4 of the data, expected 0'],
    ['an overlap', file({ w, v: entry('F32', [1], [4, 8]) }, eight), 'begins at byte 4 of the data, expected 8'],
    ['a wrong size', file({ w: entry('F32', [3], [0, 8]) }, eight), 'has 8 bytes, expected 12 for F32[3]'],
    ['an unknown dtype', file({ w: entry('F7', [2], [0, 8]) }, eight), 'has the dtype "F7", expected one of F32'],
    ['a negative dim', file({ w: entry('F32', [-2], [0, 8]) }, eight), 'has the shape [-2]'],
    ['no offsets', file({ w: { dtype: 'F32', shape: [2] } }, eight), 'has no pair of data_offsets'],
    ['metadata of numbers', file({ __metadata__: { a: 1 } }), 'metadata "a" is not a string'],
  ])('refuses %s', (_name, bytes, message) => {
    expect(() => readSafetensors(bytes)).toThrow(SafetensorsError)
    expect(() => readSafetensors(bytes)).toThrow(message)
  })

  it('refuses to write a tensor whose data does not fit its shape', () => {
    const wrong = { dtype: 'float32', dims: [2, 2], data: new Float32Array(3) } as const
    expect(() => writeSafetensors(new Map([['w', wrong]]))).toThrow('Tensor "w" has 3 elements')
  })
})
