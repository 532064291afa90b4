import { arrayFromBytes, bytesOf, bytesPerElement, type DType, elementCount, type Tensor } from './tensor.js'

/** Names of the format for our dtypes. */
const formatNames: Record<DType, string> = {
  float32: 'F32',
  float16: 'F16',
  float64: 'F64',
  int64: 'I64',
  int32: 'I32',
  uint32: 'U32',
  uint8: 'U8',
  int8: 'I8',
  bool: 'BOOL',
}

const dtypes = new Map(Object.entries(formatNames).map(([dtype, name]) => [name, dtype as DType]))

const ownSizes = new Map([...dtypes].map(([name, dtype]) => [name, bytesPerElement(dtype)]))

/** The format's own bound on its header, against files made to exhaust memory. */
const largestHeader = 100_000_000

/** A file that is not valid safetensors; the sentence says what is wrong and where. */
export class SafetensorsError extends Error {
  override name = 'SafetensorsError'
}

const refuse = (reason: string): never => {
  throw new SafetensorsError(`Not a valid safetensors file: ${reason}`)
}

export interface SafetensorsFile {
  tensors: Map<string, Tensor>
  metadata: Record<string, string>
}

/** What a header says: where each tensor lies in the data that follow the header. */
export interface SafetensorsHeader {
  tensors: Map<string, { format: string; dims: number[]; from: number; to: number }>
  metadata: Record<string, string>
  /** Bytes that all tensors take together. */
  dataBytes: number
}

/**
 * Reads a .safetensors file (https://huggingface.co/docs/safetensors, format 0.x): an 8-byte little-endian header length, a
 * JSON header, the tensors' bytes without gaps. Tensors are views into `bytes` where they are aligned. Throws
 * SafetensorsError for anything the format does not allow.
 */
export function readSafetensors(bytes: Uint8Array): SafetensorsFile {
  const start = 8 + safetensorsHeaderLength(bytes, bytes.byteLength)
  const header = parseSafetensorsHeader(bytes.subarray(8, start), ownSizes)
  const data = bytes.subarray(start)
  if (header.dataBytes > data.byteLength)
    refuse(`the tensors cover ${header.dataBytes} bytes of data, the file holds ${data.byteLength} (is it cut short?)`)
  if (header.dataBytes < data.byteLength)
    refuse(`the tensors cover ${header.dataBytes} bytes of data, the file holds ${data.byteLength}`)
  const tensors = new Map<string, Tensor>()
  for (const [name, { format, dims, from, to }] of header.tensors) {
    const dtype = dtypes.get(format)!
    tensors.set(name, { dtype, dims, data: arrayFromBytes(dtype, data.subarray(from, to)) })
  }
  return { tensors, metadata: header.metadata }
}

/** The length of the JSON header in bytes, of a file of `size` bytes that begins with `first`. Throws SafetensorsError. */
export function safetensorsHeaderLength(first: Uint8Array, size: number): number {
  if (size < 8) refuse(`${size} bytes are fewer than the 8 of the header length`)
  const length = new DataView(first.buffer, first.byteOffset, first.byteLength).getBigUint64(0, true)
  if (length > BigInt(largestHeader)) refuse(`the header claims ${length} bytes, at most ${largestHeader} are allowed`)
  if (8 + Number(length) > size) refuse(`the header claims ${length} bytes, the file ends after ${size - 8}`)
  return Number(length)
}

/**
 * Reads the JSON header of a .safetensors file.
 *
 * @param sizes bytes of one number of each format that is accepted, such as F32: 4
 * @throws SafetensorsError for anything the format does not allow
 */
export function parseSafetensorsHeader(json: Uint8Array, sizes: ReadonlyMap<string, number>): SafetensorsHeader {
  const tensors: SafetensorsHeader['tensors'] = new Map()
  let metadata: Record<string, string> = {}
  for (const [name, entry] of Object.entries(parseHeader(json))) {
    if (name === '__metadata__') metadata = parseMetadata(entry)
    else tensors.set(name, parseEntry(name, entry, sizes))
  }
  let end = 0
  for (const [name, { from, to }] of [...tensors].sort(([, a], [, b]) => a.from - b.from || a.to - b.to)) {
    if (from !== end)
      refuse(`tensor "${name}" begins at byte ${from} of the data, expected ${end} (no gaps or overlaps)`)
    end = to
  }
  return { tensors, metadata, dataBytes: end }
}

function parseHeader(bytes: Uint8Array): Record<string, unknown> {
  if (bytes[0] !== 0x7b) refuse('the header does not begin with "{"')
  let header: unknown
  try {
    header = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch (cause) {
    throw new SafetensorsError('Not a valid safetensors file: the header is not UTF-8 JSON', { cause })
  }
  return isRecord(header) ? header : refuse('the header is not a JSON object')
}

function parseMetadata(entry: unknown): Record<string, string> {
  if (!isRecord(entry)) return refuse('__metadata__ is not an object of strings')
  for (const [key, value] of Object.entries(entry))
    if (typeof value !== 'string') refuse(`metadata "${key}" is not a string`)
  return entry as Record<string, string>
}

function parseEntry(name: string, entry: unknown, sizes: ReadonlyMap<string, number>) {
  const at = `tensor "${name}"`
  if (!isRecord(entry)) return refuse(`${at} is not described by an object`)
  const { dtype: format, shape, data_offsets: offsets } = entry
  const size = sizes.get(String(format))
  if (size === undefined)
    return refuse(`${at} has the dtype ${JSON.stringify(format)}, expected one of ${[...sizes.keys()].join(' ')}`)
  if (!isSizes(shape)) return refuse(`${at} has the shape ${JSON.stringify(shape)}, expected whole numbers`)
  if (!isSizes(offsets) || offsets.length !== 2) return refuse(`${at} has no pair of data_offsets`)
  const [from, to] = offsets as [number, number]
  const expected = elementCount(shape) * size
  if (to - from !== expected)
    refuse(`${at} has ${to - from} bytes, expected ${expected} for ${format}[${shape.join(',')}]`)
  return { format: String(format), dims: shape, from, to }
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const isSizes = (value: unknown): value is number[] =>
  Array.isArray(value) && value.every((n) => Number.isSafeInteger(n) && n >= 0)

/** dtype and dims of a tensor that is to be written. */
export type TensorInfo = Pick<Tensor, 'dtype' | 'dims'>

/**
 * What a .safetensors file begins with, and the names of its tensors in the order in which their bytes follow, without gaps: by
 * falling element size, then name, so that each is aligned. For files too large to be made in memory.
 */
export function safetensorsStart(
  tensors: ReadonlyMap<string, TensorInfo>,
  metadata: Readonly<Record<string, string>> = {},
): { start: Uint8Array; order: string[]; dataBytes: number } {
  const ordered = [...tensors].sort(
    ([a, x], [b, y]) => bytesPerElement(y.dtype) - bytesPerElement(x.dtype) || (a < b ? -1 : 1),
  )
  const entries: [string, unknown][] = Object.keys(metadata).length > 0 ? [['__metadata__', metadata]] : []
  let end = 0
  for (const [name, { dtype, dims }] of ordered) {
    if (name === '__metadata__') throw new SafetensorsError('A tensor cannot be named __metadata__')
    const bytes = elementCount(dims) * bytesPerElement(dtype)
    entries.push([name, { dtype: formatNames[dtype], shape: dims, data_offsets: [end, end + bytes] }])
    end += bytes
  }
  const header = new TextEncoder().encode(JSON.stringify(Object.fromEntries(entries)))
  const length = 8 + Math.ceil(header.byteLength / 8) * 8
  const start = new Uint8Array(length).fill(0x20, 8 + header.byteLength)
  new DataView(start.buffer).setBigUint64(0, BigInt(length - 8), true)
  start.set(header, 8)
  return { start, order: ordered.map(([name]) => name), dataBytes: end }
}

/**
 * Writes a .safetensors file, in the order of `safetensorsStart`; the same tensors give the same bytes. Throws SafetensorsError
 * when a tensor's data does not fit its shape.
 */
export function writeSafetensors(
  tensors: ReadonlyMap<string, Tensor>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array {
  for (const [name, { dims, data }] of tensors)
    if (data.length !== elementCount(dims))
      throw new SafetensorsError(
        `Tensor "${name}" has ${data.length} elements, its shape [${dims}] needs ${elementCount(dims)}`,
      )
  const { start, order, dataBytes } = safetensorsStart(tensors, metadata)
  const file = new Uint8Array(start.byteLength + dataBytes)
  file.set(start)
  let at = start.byteLength
  for (const name of order) {
    const { data } = tensors.get(name)!
    file.set(bytesOf(data), at)
    at += data.byteLength
  }
  return file
}
