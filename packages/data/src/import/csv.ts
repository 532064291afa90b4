import { Buffer } from 'node:buffer'
import { VolantError } from '../errors.js'
import { BAD_BYTES } from './blocks.js'

export interface CsvEvents {
  /** A record's cells and the line it starts on; called before the cell count is known to be right. */
  record: (cells: string[], line: number, text: () => string) => void
  /** A line that is no record: wrong quoting, bad bytes, a NUL character. */
  reject: (line: number, cell: number, reason: string, text: string) => void
}

export interface CsvLimits {
  path: string
  /** Characters a cell may have. */
  maxCell: number
  /** Cells a record may have. */
  maxColumns: number
}

const QUOTE = 34
const LF = 10
const CR = 13

/**
 * Splits delimited text into records (RFC 4180; also lone CR line ends and quotes inside unquoted cells). Feed it text
 * blocks of any size. A faulty line is rejected alone and reading goes on with the next line, so that a stray quote
 * cannot swallow the rows behind it.
 *
 * Written here rather than left to DuckDB's reader because that one drops or merges rows around a quote that never
 * closes, and knows neither the text nor the size of what it could not read.
 */
export class CsvReader {
  private rest = ''
  private wanted = 0
  private line = 1
  private crOnly: boolean | undefined
  private faulty = false
  private oversize: OversizeCell | undefined
  /** Records that are well formed so far, the header included: for messages. */
  private count = 0

  constructor(
    private readonly delimiter: number,
    private readonly events: CsvEvents,
    private readonly limits: CsvLimits,
  ) {}

  feed(block: string): void {
    if (this.oversize) {
      this.measure(block)
      return
    }
    this.faulty ||= block.includes('\0') || block.includes(BAD_BYTES)
    const text = this.rest + block
    // A record longer than a block is scanned again only when the text has doubled: linear in all.
    if (text.length < this.wanted) this.rest = text
    else this.scan(text, false)
  }

  finish(): void {
    if (this.oversize) throw this.oversize.error(true)
    this.scan(this.rest, true)
    this.rest = ''
  }

  private scan(text: string, last: boolean): void {
    this.crOnly ??= lineEndIsCr(text, last)
    let at = 0
    while (at < text.length) {
      const next = this.record(text, at, last)
      if (next < 0) break
      at = next
    }
    this.rest = text.slice(at)
    this.wanted = this.rest.length * 2
  }

  /** Reads one record from `start`; returns where the next one starts, or -1 when the text ends inside it. */
  private record(text: string, start: number, last: boolean): number {
    const end = this.crOnly ? CR : LF
    const cells: string[] = []
    const line = this.line
    let newlines = 0
    let at = start
    for (;;) {
      let cellEnd: number
      if (text.charCodeAt(at) === QUOTE) {
        cellEnd = closingQuote(text, at + 1)
        if (cellEnd < 0 || (cellEnd + 1 === text.length && !last)) {
          if ((cellEnd < 0 ? text.length : cellEnd) - at > this.limits.maxCell)
            return this.startOversize(text, at + 1, cells.length, true)
          return last ? this.rejectLine(text, start, cells.length, 'a quote opens here and never closes', true) : -1
        }
        if (cellEnd - at > this.limits.maxCell) throw this.tooLarge(cells.length, text.slice(at + 1, cellEnd), line)
        const raw = text.slice(at + 1, cellEnd)
        const value = raw.includes('"') ? raw.replaceAll('""', '"') : raw
        newlines += countOf(raw, end)
        cells.push(value)
        cellEnd++
        const code = text.charCodeAt(cellEnd)
        const carriage = code === CR && (text.charCodeAt(cellEnd + 1) === LF || cellEnd + 1 === text.length)
        if (code === CR && cellEnd + 1 === text.length && !last) return -1
        if (carriage && !this.crOnly) cellEnd++
        else if (cellEnd < text.length && code !== this.delimiter && code !== end) {
          return this.rejectLine(
            text,
            start,
            cells.length - 1,
            'text follows a closing quote (write a quote inside a quoted cell as "")',
            last,
          )
        }
      } else {
        cellEnd = at
        let code = text.charCodeAt(cellEnd)
        while (code !== this.delimiter && code !== end && cellEnd < text.length) code = text.charCodeAt(++cellEnd)
        if (cellEnd - at > this.limits.maxCell) {
          if (cellEnd === text.length && !last) return this.startOversize(text, at, cells.length, false)
          throw this.tooLarge(cells.length, text.slice(at, cellEnd), line)
        }
        if (cellEnd === text.length && !last) return -1
        const cut =
          !this.crOnly && text.charCodeAt(cellEnd - 1) === CR && cellEnd > at && code !== this.delimiter ? 1 : 0
        cells.push(text.slice(at, cellEnd - cut))
      }
      if (cellEnd < text.length && text.charCodeAt(cellEnd) === this.delimiter) {
        if (cells.length >= this.limits.maxColumns && this.count === 0) throw tooManyColumns(this.limits)
        at = cellEnd + 1
        continue
      }
      const next = Math.min(cellEnd + 1, text.length)
      if (this.faulty) {
        const fault = faultIn(text.slice(start, next))
        if (fault)
          return this.rejectLine(
            text,
            start,
            cells.findIndex((cell) => faultIn(cell)),
            fault,
            last,
          )
      }
      this.line = line + newlines + 1
      this.count++
      this.events.record(cells, line, () => text.slice(start, Math.min(cellEnd, start + 1000)))
      return next
    }
  }

  /** Rejects the line from `start` alone; -1 when its end is still to come. */
  private rejectLine(text: string, start: number, cell: number, reason: string, last: boolean): number {
    const end = text.indexOf(this.crOnly ? '\r' : '\n', start)
    if (end < 0 && !last) return -1
    const stop = end < 0 ? text.length : end
    this.events.reject(this.line, cell, reason, text.slice(start, Math.min(stop, start + 1000)))
    this.line++
    return Math.min(stop + 1, text.length)
  }

  private tooLarge(cell: number, value: string, line: number): VolantError {
    return new OversizeCell(this.limits, this.count, line, cell, Buffer.byteLength(value), false).error(false)
  }

  private startOversize(text: string, from: number, cell: number, quoted: boolean): number {
    this.oversize = new OversizeCell(this.limits, this.count, this.line, cell, 0, quoted)
    this.measure(text.slice(from))
    return text.length
  }

  private measure(block: string): void {
    const cell = this.oversize!
    const end = cell.quoted ? closingQuote(block, 0) : block.search(/[\r\n]/)
    cell.bytes += Buffer.byteLength(end < 0 ? block : block.slice(0, end))
    if (end >= 0) throw cell.error(false)
  }
}

class OversizeCell {
  constructor(
    readonly limits: CsvLimits,
    readonly row: number,
    readonly line: number,
    readonly cell: number,
    public bytes: number,
    readonly quoted: boolean,
  ) {}

  error(ended: boolean): VolantError {
    const { path, maxCell } = this.limits
    const size = `${(this.bytes / 1e6).toFixed(1)} MB`
    const cause =
      ended && this.quoted
        ? ' A quote opens there and never closes: close it, or write quotes inside a cell as "".'
        : ''
    const place = this.row === 0 ? 'the header' : `row ${this.row}`
    return new VolantError(
      'cell-too-large',
      `"${path}", ${place} (line ${this.line}), cell ${this.cell + 1} holds ${size}, more than the ${(maxCell / 1e6).toFixed(1)} MB a cell may have; shorten it.${cause}`,
      { path, row: this.row, line: this.line, column: this.cell + 1, bytes: this.bytes, maxCell },
    )
  }
}

export function tooManyColumns(limits: { path: string; maxColumns: number }, found?: number): VolantError {
  const count = found === undefined ? `more than ${limits.maxColumns}` : `${found}`
  return new VolantError(
    'too-many-columns',
    `"${limits.path}" has ${count} columns; at most ${limits.maxColumns} are read; keep the columns you need.`,
    { path: limits.path, maxColumns: limits.maxColumns },
  )
}

/** Index of the quote that closes a cell opened before `from`, skipping doubled quotes; -1 when there is none. */
function closingQuote(text: string, from: number): number {
  for (let at = from; ; at += 2) {
    at = text.indexOf('"', at)
    if (at < 0) return -1
    if (text.charCodeAt(at + 1) !== QUOTE) return at
  }
}

function countOf(text: string, code: number): number {
  const wanted = String.fromCharCode(code)
  let count = 0
  for (let at = text.indexOf(wanted); at >= 0; at = text.indexOf(wanted, at + 1)) count++
  return count
}

function faultIn(text: string): string | undefined {
  if (text.includes('\0')) return 'a NUL character, which text may not hold'
  return text.includes(BAD_BYTES) ? "bytes that are not valid in the file's encoding" : undefined
}

/** Lone CR ends lines (old Macintosh files) when the text has a CR and no LF. */
function lineEndIsCr(text: string, last: boolean): boolean | undefined {
  if (text.includes('\n')) return false
  if (text.includes('\r') && (last || text.length > 100_000)) return true
  return last ? false : undefined
}
