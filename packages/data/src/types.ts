import type { Cell } from './table/table.js'

export type ColumnType = 'text' | 'category' | 'number' | 'boolean' | 'id' | 'constant' | 'empty'

const missingMarks = new Set([
  '',
  'na',
  'n/a',
  '#n/a',
  'nan',
  'null',
  'none',
  'nil',
  '?',
  '-',
  '--',
  '.',
  'inf',
  '-inf',
  'infinity',
  '-infinity',
])

/** Whether a cell holds nothing: null, NaN, or only white space. */
export function isMissing(cell: Cell | undefined): boolean {
  if (cell === null || cell === undefined) return true
  return typeof cell === 'number' ? Number.isNaN(cell) : typeof cell === 'string' && cell.trim() === ''
}

/** Whether a text stands for "no number": empty, NA, n/a, NaN, null, none, ?, - and the like. */
export function isMissingNumber(cell: Cell | undefined): boolean {
  return isMissing(cell) || (typeof cell === 'string' && missingMarks.has(cell.trim().toLowerCase()))
}

const decimal = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/

/** The number a cell holds, or undefined. White space around it is allowed; thousands separators and units are not. */
export function parseNumber(cell: Cell | undefined): number | undefined {
  if (typeof cell === 'number') return Number.isFinite(cell) ? cell : undefined
  if (typeof cell === 'boolean') return cell ? 1 : 0
  if (typeof cell !== 'string') return undefined
  const text = cell.trim()
  if (text.length > 40 || !decimal.test(text)) return undefined
  const value = Number(text)
  return Number.isFinite(value) ? value : undefined
}

/** True or false written as such, in any case; undefined for all else (yes/no and 1/0 are categories). */
export function parseBoolean(cell: Cell | undefined): boolean | undefined {
  if (typeof cell === 'boolean') return cell
  if (typeof cell !== 'string') return undefined
  const text = cell.trim().toLowerCase()
  return text === 'true' ? true : text === 'false' ? false : undefined
}

/** A code such as 007 or 0042: digits that a number would lose. */
function isPaddedCode(text: string): boolean {
  return /^0\d+$/.test(text)
}

/**
 * The type of a column as an output: true/false -> boolean; text, or whole numbers with at most two different values ->
 * category; other numbers -> number. `constant` and `empty` cannot be learnt.
 */
export function inferOutputType(values: readonly Cell[]): 'boolean' | 'category' | 'number' | 'constant' | 'empty' {
  const counts = countColumn(values)
  const present = counts.rows - counts.missing
  if (present === 0) return 'empty'
  const distinct = counts.distinct - missingLabels(values).length
  if (distinct === 1) return 'constant'
  if (counts.booleans === present) return 'boolean'
  if (counts.numbers < present || counts.paddedCodes > 0) return 'category'
  return counts.integers === present && distinct <= 2 ? 'category' : 'number'
}

/**
 * Texts such as NA and ? that stand for no label in an output column: those beside numbers alone, or true and false alone.
 * Among other texts they are classes like any other.
 */
export function missingLabels(values: readonly Cell[]): string[] {
  const marks = new Set<string>()
  const kinds = new Set<'number' | 'boolean'>()
  for (const value of values) {
    if (isMissing(value)) continue
    if (typeof value === 'string' && isMissingNumber(value)) marks.add(value.trim())
    else if (parseBoolean(value) !== undefined) kinds.add('boolean')
    else if (parseNumber(value) !== undefined) kinds.add('number')
    else return []
  }
  return kinds.size === 1 ? [...marks] : []
}

/** What decides the type of a column, counted in one pass. */
export interface ColumnCounts {
  rows: number
  missing: number
  numbers: number
  integers: number
  booleans: number
  paddedCodes: number
  /** Single words with a digit or @ in them, as keys and addresses are. */
  codes: number
  distinct: number
  /** Sum of characters of all values that are there. */
  characters: number
  words: number
  /** Longest value, in characters. */
  longest: number
}

/**
 * The type of a column as an input, by the rules of the design:
 * true/false -> boolean; numbers -> number; few different values -> category; else text. `empty`, `constant` and `id`
 * (whole numbers that never repeat, or keys of one word with digits that hardly do) are columns one leaves out.
 */
export function inferType(values: readonly Cell[]): ColumnType {
  return typeOf(countColumn(values))
}

export function countColumn(values: readonly Cell[]): ColumnCounts {
  const counts = {
    rows: values.length,
    missing: 0,
    numbers: 0,
    integers: 0,
    booleans: 0,
    paddedCodes: 0,
    codes: 0,
    distinct: 0,
    characters: 0,
    words: 0,
    longest: 0,
  }
  const seen = new Set<string>()
  for (const value of values) {
    if (isMissing(value)) {
      counts.missing++
      continue
    }
    const text = String(value).trim()
    seen.add(text)
    counts.characters += text.length
    counts.words += wordCount(text)
    if (text.length > counts.longest) counts.longest = text.length
    if (parseBoolean(value) !== undefined) counts.booleans++
    if (text.length <= 64 && /^[!-\u0dff]*[\d@][!-\u0dff]*$/.test(text)) counts.codes++
    const number = typeof value === 'boolean' ? undefined : parseNumber(value)
    if (number !== undefined) {
      counts.numbers++
      if (Number.isInteger(number)) counts.integers++
      if (isPaddedCode(text)) counts.paddedCodes++
    } else if (isMissingNumber(value)) counts.missing++
  }
  counts.distinct = seen.size
  return counts
}

/** Characters of one value that are looked at to count its words; the rest is taken to be alike. */
const COUNTED = 20_000

/** Words by spaces; a run of unspaced script counts one word a two characters. */
function wordCount(text: string): number {
  const looked = Math.min(text.length, COUNTED)
  let words = 0
  let inWord = false
  let wide = 0
  for (let at = 0; at < looked; at++) {
    const code = text.charCodeAt(at)
    if (code >= 0x0e00) wide++
    const space = code === 32 || (code >= 9 && code <= 13) || code === 0x3000
    if (!space && !inWord) words++
    inWord = !space
  }
  return looked === 0 ? 0 : (words + wide / 2) * (text.length / looked)
}

export function typeOf(counts: ColumnCounts): ColumnType {
  const present = counts.rows - counts.missing
  if (present === 0) return 'empty'
  if (counts.booleans === present) return counts.distinct === 1 && present > 1 ? 'constant' : 'boolean'
  if (counts.distinct === 1 && present > 1) return 'constant'
  const unique = counts.distinct / present
  if (counts.numbers >= present && counts.paddedCodes === 0) {
    // Row numbers and keys: whole numbers that never repeat.
    if (counts.integers === present && unique === 1 && present >= 50) return 'id'
    return 'number'
  }
  const meanWords = counts.words / present
  const meanCharacters = counts.characters / present
  if (counts.codes > 0.9 * present && unique > 0.9 && present >= 50) return 'id'
  const few = counts.distinct <= Math.max(20, Math.min(1000, 0.05 * present))
  if (few && meanCharacters <= 60) return 'category'
  return meanWords >= 2.5 || unique > 0.5 ? 'text' : 'category'
}
