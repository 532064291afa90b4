import { crc32 } from 'node:zlib'

/** One thing that happened; `id` makes it happen once. Plain JSON. */
export interface JournalRecord {
  readonly id: string
  readonly [field: string]: unknown
}

export interface JournalEntry {
  kind: string
  record: JournalRecord
}

const newline = 10
const prefixLength = 9

/**
 * What was appended together as one line, so that all of it or nothing is there after a crash: 8 hex digits of the
 * CRC-32 of what follows the space, then `[["kind",record],…]` as JSON.
 */
export function encodeLine(entries: readonly JournalEntry[]): Buffer {
  const body = Buffer.from(JSON.stringify(entries.map(({ kind, record }) => [kind, record])), 'utf8')
  return Buffer.concat([Buffer.from(prefix(body)), body, Buffer.of(newline)])
}

/** The entries of a line without its newline; undefined when the line is not whole. */
export function decodeLine(line: Buffer): JournalEntry[] | undefined {
  const body = line.subarray(prefixLength)
  if (line.toString('latin1', 0, prefixLength) !== prefix(body)) return undefined
  const pairs = JSON.parse(body.toString('utf8')) as [string, JournalRecord][]
  return pairs.map(([kind, record]) => ({ kind, record }))
}

function prefix(body: Buffer): string {
  return `${crc32(body)
    .toString(16)
    .padStart(prefixLength - 1, '0')} `
}

export interface Line {
  /** Undefined for a line that is not whole. */
  entries: JournalEntry[] | undefined
  text: Buffer
  /** Offsets of its first byte and behind its last. */
  start: number
  end: number
}

/** The lines of a journal file from byte `from` on; `chunks` are its bytes from there. The last may lack its newline. */
export async function* linesOf(chunks: AsyncIterable<Buffer>, from: number): AsyncGenerator<Line> {
  let rest: Buffer = Buffer.alloc(0)
  let start = from
  const line = (text: Buffer, end: number, whole: boolean): Line => {
    const made = { entries: whole ? decodeLine(text) : undefined, text, start, end }
    start = end
    return made
  }
  for await (const chunk of chunks) {
    const bytes = rest.length ? Buffer.concat([rest, chunk]) : chunk
    let at = 0
    for (let next = bytes.indexOf(newline); next >= 0; next = bytes.indexOf(newline, at)) {
      yield line(bytes.subarray(at, next), start + next + 1 - at, true)
      at = next + 1
    }
    rest = bytes.subarray(at)
  }
  if (rest.length > 0) yield line(rest, start + rest.length, false)
}
