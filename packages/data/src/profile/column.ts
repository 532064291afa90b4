import type { Cell } from '../table/table.js'
import { maskContacts } from '../text/mask.js'
import { type ColumnType, countColumn, isMissing, parseNumber, typeOf } from '../types.js'

export interface ColumnProfile {
  name: string
  type: ColumnType
  /** Cells without a value: empty, white space, NaN; in a column of numbers also marks such as n/a and ?. */
  missing: number
  distinct: number
  /** Cells with white space at their start or end. */
  straySpaces: number
  /** Groups of values that differ only in case, such as Bug and bug: they stay different classes. */
  caseVariants: { count: number; examples: { value: string; count: number }[][] }
  /** The most frequent values, e-mail addresses and phone numbers masked, at most 80 characters of each. */
  top: { value: string; count: number }[]
  /** Numbers only. `deviation` is the sample standard deviation. */
  numbers?: {
    min: number
    max: number
    mean: number
    deviation: number
    quantiles: { p5: number; p25: number; p50: number; p75: number; p95: number }
  }
  /** Characters (UTF-16 units) of the values, and words by spaces; not for numbers. */
  lengths?: { min: number; mean: number; max: number; words: number }
}

const TOP = 10

export function profileColumn(name: string, cells: readonly Cell[]): ColumnProfile {
  const counts = countColumn(cells)
  const type = typeOf(counts)
  const values = new Map<string, number>()
  let straySpaces = 0
  for (const cell of cells) {
    if (isMissing(cell)) continue
    const text = String(cell)
    const trimmed = text.trim()
    if (trimmed.length !== text.length) straySpaces++
    values.set(trimmed, (values.get(trimmed) ?? 0) + 1)
  }
  const profile: ColumnProfile = {
    name,
    type,
    missing: counts.missing,
    distinct: values.size,
    straySpaces,
    caseVariants: type === 'number' ? { count: 0, examples: [] } : caseVariants(values),
    top: topOf(values, TOP).map(shown),
  }
  const present = counts.rows - counts.missing
  if (present > 0 && counts.numbers === present) profile.numbers = numberFacts(cells)
  else if (present > 0)
    profile.lengths = {
      min: shortest(values),
      mean: counts.characters / present,
      max: counts.longest,
      words: counts.words / present,
    }
  return profile
}

function shown({ value, count }: { value: string; count: number }): { value: string; count: number } {
  const masked = maskContacts(value.slice(0, 200)).replace(/\s+/g, ' ')
  return { value: masked.length > 80 ? `${masked.slice(0, 79)}…` : masked, count }
}

/** The `most` most frequent values, ties in code-unit order. */
export function topOf(values: Map<string, number>, most: number): { value: string; count: number }[] {
  const best: { value: string; count: number }[] = []
  for (const [value, count] of values) {
    const last = best[best.length - 1]
    if (best.length === most && last && !before(value, count, last)) continue
    const at = best.findIndex((other) => before(value, count, other))
    best.splice(at < 0 ? best.length : at, 0, { value, count })
    if (best.length > most) best.pop()
  }
  return best
}

function before(value: string, count: number, other: { value: string; count: number }): boolean {
  return count > other.count || (count === other.count && value < other.value)
}

function caseVariants(values: Map<string, number>): ColumnProfile['caseVariants'] {
  const folded = new Map<string, string[]>()
  for (const value of values.keys()) {
    if (value.length > 100) continue
    const key = value.toLowerCase()
    const forms = folded.get(key)
    if (forms) forms.push(value)
    else folded.set(key, [value])
  }
  const groups = [...folded.values()].filter((forms) => forms.length > 1)
  const examples = groups
    .slice(0, TOP)
    .map((forms) => forms.map((value) => shown({ value, count: values.get(value)! })))
  return { count: groups.length, examples }
}

function shortest(values: Map<string, number>): number {
  let least = Number.POSITIVE_INFINITY
  for (const value of values.keys()) if (value.length < least) least = value.length
  return least
}

function numberFacts(cells: readonly Cell[]): NonNullable<ColumnProfile['numbers']> {
  const sorted = Float64Array.from(cells.map(parseNumber).filter((value) => value !== undefined)).sort()
  const mean = sorted.reduce((sum, value) => sum + value / sorted.length, 0)
  const squares = sorted.reduce((sum, value) => sum + (value - mean) ** 2, 0)
  const at = (share: number) => quantile(sorted, share)
  return {
    min: sorted[0]!,
    max: sorted[sorted.length - 1]!,
    mean,
    deviation: Math.sqrt(squares / Math.max(1, sorted.length - 1)),
    quantiles: { p5: at(0.05), p25: at(0.25), p50: at(0.5), p75: at(0.75), p95: at(0.95) },
  }
}

/** Quantile with linear interpolation (type 7 of Hyndman and Fan 1996). */
function quantile(sorted: Float64Array, share: number): number {
  const place = share * (sorted.length - 1)
  const below = Math.floor(place)
  const above = Math.min(below + 1, sorted.length - 1)
  return sorted[below]! + (place - below) * (sorted[above]! - sorted[below]!)
}
