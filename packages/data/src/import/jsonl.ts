import { Buffer } from 'node:buffer'
import { VolantError } from '../errors.js'
import type { Cell } from '../table/table.js'
import { BAD_BYTES } from './blocks.js'

export interface JsonlEvents {
  record: (cells: (readonly [name: string, cell: Cell])[]) => void
  reject: (line: number, reason: string, text: string) => void
}

/** Splits JSON Lines into flat rows: lists and objects become JSON text. Feed it text blocks of any size. */
export class JsonlReader {
  private parts: string[] = []
  private held = 0
  private line = 0

  constructor(
    private readonly events: JsonlEvents,
    private readonly limits: { path: string; maxCell: number },
  ) {}

  feed(block: string): void {
    const end = block.lastIndexOf('\n')
    if (end < 0) {
      this.parts.push(block)
      this.held += block.length
      // A line longer than any row may be is refused before it fills the memory.
      if (this.held > 64 * this.limits.maxCell) throw this.tooLarge(this.line + 1, undefined, this.held)
      return
    }
    const text = this.parts.join('') + block.slice(0, end)
    this.parts = [block.slice(end + 1)]
    this.held = this.parts[0]!.length
    this.lines(text)
  }

  finish(): void {
    this.lines(this.parts.join(''))
    this.parts = []
  }

  private lines(text: string): void {
    for (let start = 0; start <= text.length; ) {
      const newline = text.indexOf('\n', start)
      const end = newline < 0 ? text.length : newline
      this.line++
      const line = text.slice(start, end).trim()
      if (line !== '') this.read(line)
      start = end + 1
    }
  }

  private read(line: string): void {
    const reason = this.parse(line)
    if (reason !== undefined) this.events.reject(this.line, reason, line.slice(0, 1000))
  }

  private parse(line: string): string | undefined {
    if (line.includes(BAD_BYTES)) return "bytes that are not valid in the file's encoding"
    let value: unknown
    try {
      value = JSON.parse(quoteLongIntegers(line))
    } catch (error) {
      return `not valid JSON: ${(error as Error).message}`
    }
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      return `expected one JSON object a line, found ${Array.isArray(value) ? 'a list' : value === null ? 'null' : `a ${typeof value}`}`
    }
    this.events.record(Object.entries(value).map(([name, found]) => [name, this.cell(name, found)] as const))
    return undefined
  }

  private cell(column: string, value: unknown): Cell {
    if (value === null || value === '') return null
    const cell = typeof value === 'object' ? JSON.stringify(value) : (value as string | number | boolean)
    if (typeof cell === 'string' && cell.length > this.limits.maxCell)
      throw this.tooLarge(this.line, column, Buffer.byteLength(cell))
    return cell
  }

  private tooLarge(line: number, column: string | undefined, bytes: number): VolantError {
    const { path, maxCell } = this.limits
    const size = `${(bytes / 1e6).toFixed(1)} MB`
    const place = column === undefined ? `line ${line}` : `line ${line}, column "${column}"`
    return new VolantError(
      'cell-too-large',
      `"${path}", ${place} holds ${size}, more than the ${(maxCell / 1e6).toFixed(1)} MB a cell may have; shorten it.`,
      { path, line, column, bytes, maxCell },
    )
  }
}

/** Integers a double cannot hold keep their digits as text, so that ids survive. */
function quoteLongIntegers(line: string): string {
  if (!/\d{16}/.test(line)) return line
  return line.replace(/"(?:[^"\\]|\\.)*"|-?\d{16,}(?![\d.eE])/g, (found) =>
    found[0] === '"' || Number.isSafeInteger(Number(found)) ? found : `"${found}"`,
  )
}
