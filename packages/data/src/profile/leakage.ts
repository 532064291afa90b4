import { shuffledIndices } from '../prepare/random.js'
import type { Cell } from '../table/table.js'
import { type ColumnType, isMissing } from '../types.js'
import { numbersOf, rangeBuckets, valueBuckets } from './buckets.js'
import { type Halves, linearPredictability, predictability, type Target } from './predictability.js'
import { tokenSuspects } from './tokens.js'

/** A column, or a word in it, that gives a target away. */
export interface LeakageSuspect {
  target: string
  column: string
  kind: 'value' | 'range' | 'line' | 'word'
  /** 0 to 1 on held-out rows: lift over the majority class, R squared, or a word's recall. */
  strength: number
  heldOut: number
  evidence: string
  /** The word, for kind word. */
  token?: string
}

/** Strength from which a single column is under suspicion. */
const SUSPECT = 0.95
/** R squared from which a column is under suspicion for a number. */
const SUSPECT_NUMBER = 0.98
const MOST_ROWS = 40_000
const LEAST_ROWS = 20

export interface LeakageColumn {
  name: string
  type: ColumnType
  cells: readonly Cell[]
}

/** Columns that alone tell `target` almost perfectly, strongest first. Rows without a label are left out. */
export function leakageSuspects(
  name: string,
  kind: 'classes' | 'numbers',
  labels: readonly Cell[],
  columns: readonly LeakageColumn[],
  { seed, wordRecall }: { seed: number; wordRecall: number },
): LeakageSuspect[] {
  const target = targetOf(kind, labels)
  const halves = halvesOf(target, seed)
  if (halves.fit.length < LEAST_ROWS || (target.kind === 'classes' && target.labels.length < 2)) return []
  const suspects = columns.flatMap((column) => columnSuspects(name, target, column, halves, wordRecall))
  return suspects.sort((a, b) => b.strength - a.strength)
}

function columnSuspects(
  target: string,
  values: Target,
  column: LeakageColumn,
  halves: Halves,
  wordRecall: number,
): LeakageSuspect[] {
  if (column.type === 'empty' || column.type === 'constant') return []
  const bar = values.kind === 'classes' ? SUSPECT : SUSPECT_NUMBER
  const found: LeakageSuspect[] = []
  const consider = (
    kind: LeakageSuspect['kind'],
    { strength, heldOut, evidence }: { strength: number; heldOut: number; evidence: string },
  ) => {
    if (strength >= bar) found.push({ target, column: column.name, kind, strength, heldOut, evidence })
  }
  consider('value', predictability(values, valueBuckets(column.cells, halves), halves))
  const numbers = numbersOf(column.cells)
  const numeric = column.type === 'number' || (column.type === 'id' && numbers.some((value) => !Number.isNaN(value)))
  if (numeric) {
    consider('range', predictability(values, rangeBuckets(column.cells, halves), halves))
    if (values.kind === 'numbers') consider('line', linearPredictability(numbers, values.values, halves))
  }
  if (found.length > 0) return [found.reduce((best, other) => (other.strength > best.strength ? other : best))]
  if (values.kind === 'numbers' || numeric || column.type === 'boolean') return []
  return tokenSuspects(column.cells, values.ids, values.labels, halves, wordRecall).map(
    ({ token, recall, heldOut, evidence }) => ({
      target,
      column: column.name,
      kind: 'word',
      strength: recall,
      heldOut,
      evidence,
      token,
    }),
  )
}

function targetOf(kind: 'classes' | 'numbers', cells: readonly Cell[]): Target {
  if (kind === 'numbers') return { kind, values: numbersOf(cells) }
  const labels: string[] = []
  const places = new Map<string, number>()
  const ids = Int32Array.from(cells, (cell) => {
    if (isMissing(cell)) return -1
    const label = String(cell).trim()
    if (!places.has(label)) places.set(label, labels.push(label) - 1)
    return places.get(label)!
  })
  return { kind, ids, labels }
}

/** The labelled rows, at most 40,000 of them, in two halves by seed. */
function halvesOf(target: Target, seed: number): Halves {
  const rows = target.kind === 'classes' ? target.ids.length : target.values.length
  const known = shuffledIndices(rows, seed).filter((row) =>
    target.kind === 'classes' ? target.ids[row]! >= 0 : !Number.isNaN(target.values[row]!),
  )
  const used = known.subarray(0, MOST_ROWS)
  const half = used.length >> 1
  return { fit: used.subarray(0, half), held: used.subarray(half) }
}
