import { Buffer, isUtf8 } from 'node:buffer'
import { createReadStream } from 'node:fs'
import { pipeline } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { readError, VolantError } from '../errors.js'
import { type Encoding, guessLegacy, linesOf, mostlyUtf8, utf8Boundary } from './encoding.js'

/** Stands in the text for bytes that are not valid in the file's encoding: a lone surrogate, which no decoder makes. */
export const BAD_BYTES = '\udfff'

export interface ImportProgress {
  /** Bytes of the file read so far (of the compressed file when it is .gz). */
  bytes: number
  totalBytes: number
  rows: number
}

export interface ByteSource {
  path: string
  gzip: boolean
  signal?: AbortSignal
  onBytes?: (bytes: number) => void
}

/** The file's bytes in chunks, decompressed. @throws VolantError truncated-gzip, corrupt-gzip, or as `readError` says */
export async function* byteChunks(source: ByteSource): AsyncGenerator<Buffer> {
  const file = createReadStream(source.path, { highWaterMark: 1 << 20 })
  let bytes = 0
  file.on('data', (chunk) => {
    bytes += chunk.length
    source.onBytes?.(bytes)
  })
  const stream = source.gzip ? pipeline(file, createGunzip({ chunkSize: 1 << 18 }), () => {}) : file
  try {
    for await (const chunk of stream) {
      source.signal?.throwIfAborted()
      yield chunk as Buffer
    }
  } catch (error) {
    if (source.signal?.aborted) throw error
    throw gzipError(error, source.path) ?? readError(error, source.path)
  } finally {
    file.destroy()
    stream.destroy()
  }
}

function gzipError(error: unknown, path: string): VolantError | undefined {
  const code = (error as { code?: unknown }).code
  if (code === 'Z_BUF_ERROR') {
    return new VolantError(
      'truncated-gzip',
      `"${path}" ends in the middle of its compressed data: the .gz file is truncated; copy or download it again.`,
      { path },
      { cause: error },
    )
  }
  if (typeof code === 'string' && code.startsWith('Z_')) {
    return new VolantError(
      'corrupt-gzip',
      `"${path}" is named .gz but its compressed data are damaged (${(error as Error).message}); make or download it again.`,
      { path },
      { cause: error },
    )
  }
  return undefined
}

/** Thrown when a file taken for UTF-8 turns out to be in another encoding: start again with `encoding`. */
export class OtherEncoding extends Error {
  constructor(readonly encoding: string) {
    super(`not UTF-8 but ${encoding}`)
  }
}

/**
 * The file's text in blocks, cut between characters. Invalid bytes become BAD_BYTES.
 * @throws OtherEncoding when the first bytes beyond ASCII are not UTF-8 and `guessed` is set
 */
export async function* textBlocks(source: ByteSource, encoding: Encoding, guessed: boolean): AsyncGenerator<string> {
  const decode = encoding.name === 'utf-8' ? utf8Decoder(guessed) : streamDecoder(encoding.name)
  let skip = encoding.bom
  for await (const chunk of byteChunks(source)) {
    const bytes = chunk.subarray(Math.min(skip, chunk.length))
    skip -= chunk.length - bytes.length
    const text = decode(bytes, false)
    if (text !== '') yield text
  }
  const rest = decode(Buffer.alloc(0), true)
  if (rest !== '') yield rest
}

type Decode = (bytes: Buffer, last: boolean) => string

function utf8Decoder(guessed: boolean): Decode {
  let carry: Buffer = Buffer.alloc(0)
  let sawWide = false
  return (bytes, last) => {
    const all = carry.length > 0 ? Buffer.concat([carry, bytes]) : bytes
    const end = last ? all.length : utf8Boundary(all)
    const block = all.subarray(0, end)
    carry = Buffer.from(all.subarray(end))
    if (isUtf8(block)) {
      const text = block.toString('utf8')
      sawWide ||= text.length !== block.length
      return text
    }
    if (guessed && !sawWide && !mostlyUtf8(block)) throw new OtherEncoding(guessLegacy(block))
    sawWide = true
    return decodeWithFaults(block)
  }
}

function decodeWithFaults(block: Buffer): string {
  const lines = linesOf(block).map((line) => {
    const text = line.toString('utf8')
    return isUtf8(line) ? text : text.replaceAll('\ufffd', BAD_BYTES)
  })
  return lines.join('')
}

function streamDecoder(name: string): Decode {
  const decoder = new TextDecoder(name, { ignoreBOM: true })
  return (bytes, last) => decoder.decode(bytes, { stream: !last }).replaceAll('\ufffd', BAD_BYTES)
}
