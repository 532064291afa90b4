import { createHash } from 'node:crypto'
import type { Cell, Row } from '../table/table.js'

/**
 * A text in the form in which near-equal copies are equal: NFKC, lower case, every run of punctuation and white space
 * one space. A text of punctuation only stays as it is, trimmed; so does a text without letters (a number, a date).
 */
export function normalisedText(text: string): string {
  if (!/\p{L}/u.test(text)) return text.trim()
  return text
    .normalize('NFKC')
    .toLowerCase()
    .replace(/[^\p{L}\p{M}\p{N}]+/gu, ' ')
    .trim()
}

/** Keys of rows over the given columns: equal keys = duplicate rows. `normalised` also joins near-equal texts. */
export function duplicateKeys(columns: readonly (readonly Cell[])[], { normalised = false } = {}): string[] {
  const rows = columns[0]?.length ?? 0
  const keys = new Array<string>(rows)
  for (let row = 0; row < rows; row++) keys[row] = columns.map((cells) => cellKey(cells[row]!, normalised)).join('')
  return keys
}

/** The cell with its kind and length, so that neighbouring cells cannot run into each other. */
function cellKey(cell: Cell, normalised: boolean): string {
  if (cell === null) return 'x'
  if (typeof cell !== 'string') return `${typeof cell === 'number' ? 'n' : 'b'}${cell};`
  const text = normalised ? normalisedText(cell) : cell
  return `s${text.length}:${text}`
}

export interface Deduplication {
  /** Indices of the rows kept: the first of each group of equal rows, in order. */
  kept: number[]
  removed: number
  /** For every row, the index of the row it repeats (itself when it is the first). */
  firstOf: Int32Array
}

/** Finds rows that repeat an earlier row over the given columns. */
export function deduplicate(
  columns: readonly (readonly Cell[])[],
  options: { normalised?: boolean } = {},
): Deduplication {
  const keys = duplicateKeys(columns, options)
  const first = new Map<string, number>()
  const firstOf = new Int32Array(keys.length)
  const kept: number[] = []
  keys.forEach((key, row) => {
    const seen = first.get(key)
    if (seen === undefined) {
      first.set(key, row)
      kept.push(row)
    }
    firstOf[row] = seen ?? row
  })
  return { kept, removed: keys.length - kept.length, firstOf }
}

/** sha256 (hex) of a row's content: names in code-unit order, nulls left out, so that an absent key equals null. */
export function rowHash(row: Row): string {
  return createHash('sha256').update(canonicalRow(row)).digest('hex')
}

/** A row as JSON with sorted names and without nulls; a number that JSON lacks is written as its name. */
export function canonicalRow(row: Row): string {
  const names = Object.keys(row)
    .filter((name) => row[name] !== null && row[name] !== undefined)
    .sort()
  const pairs = names.map((name) => `${JSON.stringify(name)}:${canonicalCell(row[name]!)}`)
  return `{${pairs.join(',')}}`
}

function canonicalCell(cell: Cell): string {
  if (typeof cell !== 'number') return JSON.stringify(cell)
  return Number.isFinite(cell) ? (Object.is(cell, -0) ? '0' : String(cell)) : `{"number":"${cell}"}`
}
