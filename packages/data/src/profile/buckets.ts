import type { Cell } from '../table/table.js'
import { isMissing, isMissingNumber, parseNumber } from '../types.js'
import type { Buckets, Halves } from './predictability.js'

/** One bucket a value that stands at least twice in the fit rows, and one for missing cells. */
export function valueBuckets(cells: readonly Cell[], { fit }: Halves): Buckets {
  const seen = new Map<string, number>()
  for (const row of fit) {
    const key = keyOf(cells[row]!)
    seen.set(key, (seen.get(key) ?? 0) + 1)
  }
  const kept = [...seen].filter(([, count]) => count >= 2).map(([key]) => key)
  const place = new Map(kept.map((key, at) => [key, at]))
  const ids = Int32Array.from(cells, (cell) => place.get(keyOf(cell)) ?? -1)
  return {
    ids,
    count: Math.max(1, kept.length),
    name: (at) => (kept[at] === MISSING ? 'a missing value' : `the value "${kept[at]?.slice(0, 60)}"`),
  }
}

const MISSING = '\0missing'

function keyOf(cell: Cell): string {
  return isMissing(cell) ? MISSING : String(cell).trim()
}

/** Up to 64 ranges with as many fit rows each, cut between different values, and one bucket for missing cells. */
export function rangeBuckets(cells: readonly Cell[], { fit }: Halves, most = 64): Buckets {
  const numbers = numbersOf(cells)
  const sorted = Float64Array.from(
    Array.from(fit, (row) => numbers[row]!).filter((value) => !Number.isNaN(value)),
  ).sort()
  const starts = [...new Set(Array.from({ length: most }, (_, at) => sorted[Math.floor((at * sorted.length) / most)]!))]
  const missing = starts.length
  const ids = Int32Array.from(numbers, (value) => (Number.isNaN(value) ? missing : Math.max(0, rangeOf(value, starts))))
  const name = (at: number) =>
    at === missing
      ? 'a missing value'
      : at + 1 < missing
        ? `a value from ${starts[at]} to below ${starts[at + 1]}`
        : `a value from ${starts[at]} up`
  return { ids, count: missing + 1, name }
}

/** Numbers of cells, NaN where there is none. */
export function numbersOf(cells: readonly Cell[]): Float64Array {
  return Float64Array.from(cells, (cell) => (isMissingNumber(cell) ? Number.NaN : (parseNumber(cell) ?? Number.NaN)))
}

/** Index of the last start that is at most `value`, -1 when all are above. */
function rangeOf(value: number, starts: readonly number[]): number {
  let low = 0
  let high = starts.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (starts[middle]! <= value) low = middle + 1
    else high = middle
  }
  return low - 1
}
