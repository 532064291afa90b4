import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'

/**
 * Reads a gzipped IDX file of bytes, the format of MNIST (LeCun, Cortes and Burges): two zero bytes, the type 8, the number of
 * dimensions, each as a big-endian uint32, then the bytes.
 */
export function readIdx(file: string): { dims: number[]; bytes: Uint8Array } {
  const raw = gunzipSync(readFileSync(file))
  if (raw.readUInt16BE(0) !== 0 || raw[2] !== 8)
    throw new Error(`${file}: expected an IDX file of unsigned bytes, found type ${raw.subarray(0, 3).toString('hex')}`)
  const rank = raw[3]!
  const dims = Array.from({ length: rank }, (_, i) => raw.readUInt32BE(4 + 4 * i))
  const bytes = new Uint8Array(raw.subarray(4 + 4 * rank))
  const expected = dims.reduce((a, b) => a * b, 1)
  if (bytes.length !== expected) throw new Error(`${file}: expected ${expected} bytes of data, found ${bytes.length}`)
  return { dims, bytes }
}
