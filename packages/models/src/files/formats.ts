import {
  arrayFromBytes,
  bytesOf,
  bytesPerElement,
  type DType,
  elementCount,
  type Tensor,
  type TypedArray,
} from '@volant/graph'
import { ModelsError } from '../errors.js'
import type { RandomAccessFile } from './random-access.js'

/** How a file stores numbers: in blocks of equal size, which become numbers of `dtype`. */
export interface Format {
  readonly dtype: DType
  /** Numbers a block; 1 where they are not quantised. */
  readonly block: number
  /** Bytes a block. */
  readonly bytes: number
  /** Turns whole blocks into numbers. Absent where the stored bytes are the numbers. */
  readonly decode?: (from: Uint8Array, to: TypedArray) => void
}

/** Bytes that are decoded at once, so that a tensor is in memory only once. */
const CHUNK = 1 << 22

const plain = (dtype: DType): Format => ({ dtype, block: 1, bytes: bytesPerElement(dtype) })
const converted = (dtype: DType, bytes: number, decode: Format['decode']): Format => ({
  dtype,
  block: 1,
  bytes,
  decode,
})
/** Numbers of another type, each converted; `from` begins where its memory begins. */
const copied = (
  dtype: DType,
  bytes: number,
  view: (from: ArrayBufferLike, count: number) => ArrayLike<number>,
): Format => converted(dtype, bytes, (from, to) => (to as Float32Array).set(view(from.buffer, from.byteLength / bytes)))

/** Formats of numbers by the names of safetensors. Floats become float32; whole numbers keep their values. */
export const formats = {
  F64: copied('float32', 8, (buffer, count) => new Float64Array(buffer, 0, count)),
  F32: plain('float32'),
  F16: converted('float32', 2, decodeHalf),
  BF16: converted('float32', 2, decodeBrain),
  I64: plain('int64'),
  I32: plain('int32'),
  I16: copied('int32', 2, (buffer, count) => new Int16Array(buffer, 0, count)),
  I8: plain('int8'),
  U32: plain('uint32'),
  U16: copied('int32', 2, (buffer, count) => new Uint16Array(buffer, 0, count)),
  U8: plain('uint8'),
  BOOL: converted('bool', 1, (from, to) => {
    for (let i = 0; i < from.length; i++) to[i] = from[i] ? 1 : 0
  }),
} satisfies Record<string, Format>

/** Reads `dims` numbers of a format that begin at `position`. */
export async function readNumbers(
  file: RandomAccessFile,
  position: number,
  { dtype, block, bytes, decode }: Format,
  dims: readonly number[],
): Promise<Tensor> {
  const blocks = elementCount(dims) / block
  if (position + blocks * bytes > file.size) throw file.cutShort(position + blocks * bytes)
  const data = allocate(file, dtype, dims)
  if (!decode) {
    await file.read(position, bytesOf(data))
    return { dtype, dims, data }
  }
  const atOnce = Math.floor(CHUNK / bytes)
  const chunk = new Uint8Array(Math.min(atOnce, blocks) * bytes)
  for (let done = 0; done < blocks; done += atOnce) {
    const until = Math.min(done + atOnce, blocks)
    const part = chunk.subarray(0, (until - done) * bytes)
    await file.read(position + done * bytes, part)
    decode(part, data.subarray(done * block, until * block))
  }
  return { dtype, dims, data }
}

/** Memory for a tensor; an array holds at most 2^32 bytes on some versions of Node. */
function allocate(file: RandomAccessFile, dtype: DType, dims: readonly number[]): TypedArray {
  const length = elementCount(dims) * bytesPerElement(dtype)
  try {
    return arrayFromBytes(dtype, new Uint8Array(length))
  } catch (cause) {
    throw new ModelsError(
      'out-of-memory',
      `"${file.path}" holds a tensor of shape [${dims}], whose ${length} bytes as ${dtype} do not fit into memory.`,
      { path: file.path, dims, bytes: length },
      { cause },
    )
  }
}

/** bfloat16 is the upper half of a float32. */
function decodeBrain(from: Uint8Array, to: TypedArray): void {
  const halves = new Uint16Array(from.buffer, 0, from.byteLength / 2)
  const bits = new Uint32Array(to.buffer, to.byteOffset, to.length)
  for (let i = 0; i < halves.length; i++) bits[i] = halves[i]! << 16
}

function decodeHalf(from: Uint8Array, to: TypedArray): void {
  const halves = new Uint16Array(from.buffer, 0, from.byteLength / 2)
  const bits = new Uint32Array(to.buffer, to.byteOffset, to.length)
  const table = halfTable()
  for (let i = 0; i < halves.length; i++) bits[i] = table[halves[i]!]!
}

let halves: Uint32Array | undefined

/** The float32 bits of every float16. */
export function halfTable(): Uint32Array {
  halves ??= Uint32Array.from({ length: 1 << 16 }, (_, half) => singleBits(half))
  return halves
}

const one = new Float32Array(1)
const oneBits = new Uint32Array(one.buffer)

/** IEEE 754 binary16 to binary32: 5 bits of exponent become 8, 10 of fraction 23. */
function singleBits(half: number): number {
  const sign = (half & 0x8000) << 16
  const exponent = (half >> 10) & 0x1f
  const fraction = half & 0x3ff
  if (exponent === 31) return sign | 0x7f800000 | (fraction << 13)
  if (exponent > 0) return sign | ((exponent + 112) << 23) | (fraction << 13)
  one[0] = fraction * 2 ** -24
  return sign | oneBits[0]!
}
