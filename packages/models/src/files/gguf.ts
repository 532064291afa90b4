import { elementCount } from '@volant/graph'
import { ModelsError } from '../errors.js'
import { readNumbers } from './formats.js'
import { ggufFormatNames, ggufFormats } from './gguf-formats.js'
import { RandomAccessFile } from './random-access.js'
import { type OpenedFile, type ReadableTensor, storedWeights } from './stored-weights.js'
import type { Weights } from './weights.js'

/** A value of the metadata; whole numbers beyond 2^53 are big integers. */
export type GgufValue = number | bigint | boolean | string | GgufValue[]

export type GgufMetadata = ReadonlyMap<string, GgufValue>

/** A GGUF file: its tensors, and what it says of the model (architecture, sizes, vocabulary). */
export interface GgufWeights extends Weights {
  readonly metadata: GgufMetadata
}

/** What the header says of one tensor; dims row-major, `offset` from the begin of the data. */
interface TensorInfo {
  name: string
  dims: number[]
  type: number
  offset: number
}

interface Header {
  metadata: Map<string, GgufValue>
  infos: TensorInfo[]
  bytes: number
}

/** First bytes that are read; doubled until the header is within them. */
const FIRST_BYTES = 1 << 20
/** Vocabularies of 256,000 tokens take about 15 MB. */
const LARGEST_HEADER = 1 << 26
/** Arrays within arrays. */
const DEPTH = 4

/**
 * Opens a GGUF file of version 2 or 3 (ggml, docs/gguf.md): metadata and tensors, dequantised to float32 when they are
 * read. Dims are in our row-major order, the reverse of the file's.
 */
export async function readGguf(path: string): Promise<GgufWeights> {
  const file = await RandomAccessFile.open(path)
  try {
    const { tensors, metadata } = await openGguf(file)
    return { ...storedWeights(path, tensors, [file]), metadata }
  } catch (error) {
    await file.close()
    throw error
  }
}

export async function openGguf(file: RandomAccessFile): Promise<OpenedFile & { metadata: GgufMetadata }> {
  const { metadata, infos, bytes } = await readHeader(file)
  const alignment = metadata.get('general.alignment') ?? 32
  if (typeof alignment !== 'number' || !(alignment > 0))
    throw file.invalid(`has the alignment ${alignment}, expected a number above 0`)
  const start = Math.ceil(bytes / alignment) * alignment
  const tensors = new Map<string, ReadableTensor>()
  for (const info of infos) {
    if (tensors.has(info.name)) throw file.invalid(`holds the tensor "${info.name}" twice`)
    tensors.set(info.name, readable(file, start, info))
  }
  refuseOverlaps(file, infos)
  return { file, tensors, metadata }
}

function readable(file: RandomAccessFile, start: number, { name, dims, type, offset }: TensorInfo): ReadableTensor {
  const format = ggufFormatNames.get(type)
  if (!format) throw file.invalid(`holds the tensor "${name}" in the unknown format ${type}`)
  const how = ggufFormats.get(format)
  if (!how) return { shape: dims, format, read: () => Promise.reject(unsupported(file, name, format)) }
  const width = dims.at(-1) ?? 1
  if (width % how.block !== 0)
    throw file.invalid(`holds "${name}" in ${format} with ${width} numbers a row, expected a multiple of ${how.block}`)
  const end = start + offset + (elementCount(dims) / how.block) * how.bytes
  if (!(end <= file.size)) throw file.cutShort(end)
  return { shape: dims, format, read: () => readNumbers(file, start + offset, how, dims) }
}

const unsupported = (file: RandomAccessFile, name: string, format: string) =>
  new ModelsError(
    'unsupported-quantisation',
    `"${file.path}" holds "${name}" in ${format}, which is not read; take a file in one of ${[...ggufFormats.keys()].join(', ')}.`,
    { path: file.path, tensor: name, format, known: [...ggufFormats.keys()] },
  )

/** Tensors of known formats must not share bytes. */
function refuseOverlaps(file: RandomAccessFile, infos: readonly TensorInfo[]): void {
  let end = 0
  let before = ''
  for (const { name, dims, type, offset } of infos.toSorted((a, b) => a.offset - b.offset)) {
    if (offset < end) throw file.invalid(`has the tensors "${before}" and "${name}" overlap`)
    const format = ggufFormats.get(ggufFormatNames.get(type)!)
    end = offset + (format ? (elementCount(dims) / format.block) * format.bytes : 0)
    before = name
  }
}

/** The header's length is known only when it was parsed, so the bytes looked at are doubled until they suffice. */
async function readHeader(file: RandomAccessFile): Promise<Header> {
  for (let length = FIRST_BYTES; ; length *= 2) {
    const bytes = await file.bytes(0, Math.min(length, file.size))
    try {
      return parseHeader(file, bytes)
    } catch (error) {
      if (!(error instanceof RangeError)) throw error
      if (length >= file.size)
        throw file.invalid(`ends within its header, after ${file.size} bytes (is it cut short?); fetch it again`, {
          cause: error,
        })
      if (length >= LARGEST_HEADER) throw file.invalid(`has a header of more than ${LARGEST_HEADER} bytes`)
    }
  }
}

function parseHeader(file: RandomAccessFile, bytes: Uint8Array): Header {
  const cursor = new Cursor(bytes)
  if (cursor.text(4) !== 'GGUF') throw file.invalid('is not a GGUF file: it does not begin with "GGUF"')
  const version = cursor.u32()
  if (version !== 2 && version !== 3)
    throw file.invalid(`is GGUF of version ${version}, expected 2 or 3 (little-endian); convert it again`)
  const tensors = cursor.size()
  const pairs = cursor.size()
  const metadata = new Map<string, GgufValue>()
  for (let i = 0; i < pairs; i++) metadata.set(cursor.string(), readValue(file, cursor, cursor.u32(), 0))
  const infos: TensorInfo[] = []
  for (let i = 0; i < tensors; i++) infos.push(readInfo(file, cursor))
  return { metadata, infos, bytes: cursor.at }
}

function readInfo(file: RandomAccessFile, cursor: Cursor): TensorInfo {
  const name = cursor.string()
  const axes = cursor.u32()
  if (axes > 8) throw file.invalid(`holds the tensor "${name}" with ${axes} dims, at most 8 are expected`)
  const dims = Array.from({ length: axes }, () => cursor.size()).reverse()
  return { name, dims, type: cursor.u32(), offset: cursor.size() }
}

/** A value of one of the 13 types (enum gguf_metadata_value_type). */
function readValue(file: RandomAccessFile, cursor: Cursor, type: number, depth: number): GgufValue {
  const simple = simpleTypes[type]
  if (simple) return simple(cursor)
  if (type !== 9 || depth === DEPTH) throw file.invalid(`has metadata of the unknown type ${type}`)
  const element = cursor.u32()
  const count = cursor.size()
  const values: GgufValue[] = []
  for (let i = 0; i < count; i++) values.push(readValue(file, cursor, element, depth + 1))
  return values
}

const simpleTypes: Partial<Record<number, (cursor: Cursor) => GgufValue>> = {
  0: (c) => c.view.getUint8(c.skip(1)),
  1: (c) => c.view.getInt8(c.skip(1)),
  2: (c) => c.view.getUint16(c.skip(2), true),
  3: (c) => c.view.getInt16(c.skip(2), true),
  4: (c) => c.u32(),
  5: (c) => c.view.getInt32(c.skip(4), true),
  6: (c) => c.view.getFloat32(c.skip(4), true),
  7: (c) => c.view.getUint8(c.skip(1)) !== 0,
  8: (c) => c.string(),
  10: (c) => safe(c.view.getBigUint64(c.skip(8), true)),
  11: (c) => safe(c.view.getBigInt64(c.skip(8), true)),
  12: (c) => c.view.getFloat64(c.skip(8), true),
}

const safe = (value: bigint): number | bigint => (Number.isSafeInteger(Number(value)) ? Number(value) : value)
/** A token may begin with U+FEFF, which is no byte order mark there. */
const decoder = new TextDecoder('utf-8', { ignoreBOM: true })

/** Reads on and on; what lies beyond the bytes is a RangeError. */
class Cursor {
  at = 0
  readonly view: DataView

  constructor(private readonly bytes: Uint8Array) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  skip(length: number): number {
    const from = this.at
    if (!(from + length <= this.bytes.byteLength)) throw new RangeError('beyond the end')
    this.at = from + length
    return from
  }

  u32 = (): number => this.view.getUint32(this.skip(4), true)
  size = (): number => Number(this.view.getBigUint64(this.skip(8), true))
  text = (length: number): string => decoder.decode(this.bytes.subarray(this.skip(length), this.at))
  string = (): string => this.text(this.size())
}
