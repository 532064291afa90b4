import { Buffer } from 'node:buffer'
import { stat } from 'node:fs/promises'
import { readError, VolantError } from '../errors.js'
import { byteChunks } from './blocks.js'

export type Format = 'csv' | 'tsv' | 'jsonl' | 'parquet'

export interface FileHead {
  path: string
  bytes: number
  gzip: boolean
  /** The first bytes, decompressed: at most 256 kB. */
  start: Buffer
  /** Whether `start` is the whole file. */
  whole: boolean
}

const HEAD_BYTES = 1 << 18

/** Reads the start of a file. @throws VolantError as `readError`, not-a-file, empty-file */
export async function readHead(path: string): Promise<FileHead> {
  const facts = await stat(path).catch((error: unknown) => {
    throw readError(error, path)
  })
  if (facts.isDirectory()) throw readError({ code: 'EISDIR' }, path)
  if (!facts.isFile()) {
    throw new VolantError(
      'not-a-file',
      `"${path}" is a pipe or a device, which cannot be read twice; save its content to a file first.`,
      { path },
    )
  }
  if (facts.size === 0) throw emptyFile(path)
  let gzip = false
  let parts: Buffer[] = []
  for await (const chunk of byteChunks({ path, gzip: false })) {
    gzip = chunk[0] === 0x1f && chunk[1] === 0x8b
    parts = [chunk]
    break
  }
  if (gzip) parts = await firstParts(path)
  const start = Buffer.concat(parts)
  const whole = gzip ? start.length < HEAD_BYTES : start.length === facts.size
  if (start.length === 0) throw emptyFile(path)
  return {
    path,
    bytes: facts.size,
    gzip,
    start: start.subarray(0, HEAD_BYTES),
    whole: whole && start.length <= HEAD_BYTES,
  }
}

async function firstParts(path: string): Promise<Buffer[]> {
  const parts: Buffer[] = []
  let length = 0
  for await (const chunk of byteChunks({ path, gzip: true })) {
    parts.push(chunk)
    length += chunk.length
    if (length >= HEAD_BYTES) break
  }
  return parts
}

export function emptyFile(path: string): VolantError {
  return new VolantError('empty-file', `"${path}" is empty; expected a header and at least one row.`, { path })
}

const extensions: Record<string, Format> = {
  csv: 'csv',
  txt: 'csv',
  tsv: 'tsv',
  tab: 'tsv',
  jsonl: 'jsonl',
  ndjson: 'jsonl',
  json: 'jsonl',
  parquet: 'parquet',
  pq: 'parquet',
}

const signatures: [magic: string, what: string][] = [
  ['PK\u0003\u0004', 'a zip archive or an Excel workbook (save it as CSV)'],
  ['\u00d0\u00cf\u0011\u00e0', 'an old Excel or Word document (save it as CSV)'],
  ['%PDF', 'a PDF document'],
  ['\u0089PNG', 'a PNG image'],
  ['\u00ff\u00d8\u00ff', 'a JPEG image'],
  ['GIF8', 'a GIF image'],
  ['SQLite format 3', 'a SQLite database'],
  ['\u007fELF', 'a program'],
  ['MZ\u0090', 'a program'],
  ['BZh', 'a bzip2 archive (unpack it, or use gzip)'],
  ['\u0028\u00b5\u002f\u00fd', 'a zstd archive (unpack it, or use gzip)'],
  ['\u00fd7zXZ', 'an xz archive (unpack it, or use gzip)'],
  ['ARROW1', 'an Arrow file (save it as Parquet)'],
  ['\u0089HDF', 'an HDF5 file'],
  ['\u0080\u0004\u0095', 'a Python pickle'],
]

/** The format by content where it is plain (Parquet), else by the file's name. @throws VolantError unknown-format, binary-file */
export function formatOf(head: FileHead): Format {
  const latin = head.start.subarray(0, 16).toString('latin1')
  if (latin.startsWith('PAR1')) return 'parquet'
  const name = head.path.toLowerCase().replace(/\.gz$/, '')
  const format = extensions[/\.([a-z]+)$/.exec(name)?.[1] ?? '']
  if (format === 'parquet') {
    throw new VolantError(
      'not-parquet',
      `"${head.path}" is named as Parquet but does not start with "PAR1": it is another kind of file, or damaged.`,
      { path: head.path },
    )
  }
  const signature = signatures.find(([magic]) => latin.startsWith(magic))
  if (signature || looksBinary(head.start)) throw binaryFile(head.path, signature?.[1])
  if (format) return format
  return head.start[0] === 0x7b ? 'jsonl' : 'csv'
}

function binaryFile(path: string, what: string | undefined): VolantError {
  const found = what ?? 'bytes that are no text'
  return new VolantError(
    'binary-file',
    `"${path}" is not a text table: found ${found}, expected CSV, TSV, JSONL or Parquet.`,
    { path, found },
  )
}

/** More than 2 % control characters, unless every second byte is 0 (UTF-16, judged later). */
function looksBinary(bytes: Buffer): boolean {
  if ((bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff)) return false
  const zeros = [0, 0]
  let controls = 0
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at]!
    if (byte === 0) zeros[at & 1]!++
    else if (byte < 32 && byte !== 9 && byte !== 10 && byte !== 13 && byte !== 12 && byte !== 27) controls++
  }
  const few = Math.min(zeros[0]!, zeros[1]!)
  const many = Math.max(zeros[0]!, zeros[1]!)
  if (bytes.length >= 8 && many > 0.2 * bytes.length && few < 0.025 * bytes.length)
    return controls > 0.02 * bytes.length
  return controls + zeros[0]! + zeros[1]! > 0.02 * bytes.length
}
