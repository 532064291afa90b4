export type DType = 'float32' | 'float16' | 'float64' | 'int64' | 'int32' | 'uint32' | 'uint8' | 'int8' | 'bool'

export type TypedArray =
  | Float32Array
  | Float64Array
  | Uint16Array
  | BigInt64Array
  | Int32Array
  | Uint32Array
  | Uint8Array
  | Int8Array

/** Numbers with a shape. bool is held as Uint8Array of 0 and 1, float16 as the raw bits in a Uint16Array. */
export interface Tensor {
  readonly dtype: DType
  readonly dims: readonly number[]
  readonly data: TypedArray
}

type ArrayType = {
  new (buffer: ArrayBufferLike, offset: number, length: number): TypedArray
  BYTES_PER_ELEMENT: number
}

const arrays: Record<DType, ArrayType> = {
  float32: Float32Array,
  float16: Uint16Array,
  float64: Float64Array,
  int64: BigInt64Array,
  int32: Int32Array,
  uint32: Uint32Array,
  uint8: Uint8Array,
  int8: Int8Array,
  bool: Uint8Array,
}

/** Bytes that one number of the dtype takes: 4 for float32, 8 for int64, 1 for bool. */
export const bytesPerElement = (dtype: DType): number => arrays[dtype].BYTES_PER_ELEMENT

/** Product of the dims; 1 for a scalar. */
export const elementCount = (dims: readonly number[]): number => dims.reduce((a, b) => a * b, 1)

export const isFloat = (dtype: DType): boolean => dtype === 'float32' || dtype === 'float64' || dtype === 'float16'

/** A typed array of the dtype over little-endian bytes; copies only when the bytes are not aligned. */
export function arrayFromBytes(dtype: DType, bytes: Uint8Array): TypedArray {
  const type = arrays[dtype]
  const aligned = bytes.byteOffset % type.BYTES_PER_ELEMENT === 0 ? bytes : new Uint8Array(bytes)
  return new type(aligned.buffer, aligned.byteOffset, bytes.byteLength / type.BYTES_PER_ELEMENT)
}

/** The memory of an array, not copied: writing to it writes to the array. */
export const bytesOf = (data: TypedArray): Uint8Array => new Uint8Array(data.buffer, data.byteOffset, data.byteLength)

/** Numbers as a tensor of the dtype, e.g. `tensorOf('int64', [2], [1, 2])`. float16 takes raw bits. */
export function tensorOf(dtype: DType, dims: readonly number[], values: readonly number[]): Tensor {
  const data = arrayFromBytes(dtype, new Uint8Array(values.length * bytesPerElement(dtype)))
  if (data instanceof BigInt64Array) for (let i = 0; i < values.length; i++) data[i] = BigInt(values[i]!)
  else data.set(values)
  return { dtype, dims, data }
}
