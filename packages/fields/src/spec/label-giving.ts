import { type Cell, isMissing, parseNumber } from '@volant/data'

/** A column that says the label this surely is left out … */
const sure = 0.995
/** … when the most frequent label alone is right less often than this. */
const trivial = 0.97
const fewestRows = 50

/** Why a column gives an output away (a copy of it, a code for it), or undefined when it does not. */
export function labelGiving(
  name: string,
  cells: readonly Cell[],
  outputs: readonly string[],
  columns: Readonly<Record<string, readonly Cell[]>>,
): string | undefined {
  if (outputs.includes(name)) return undefined
  for (const output of outputs) {
    const share = Math.max(shareFoldedByValue(cells, columns[output]!), shareEqualNumbers(cells, columns[output]!))
    if (share >= sure)
      return `it gives "${output}" away (its value alone is right in ${(100 * share).toFixed(1)} % of the rows)`
  }
  return undefined
}

/**
 * How often the label is the one that the same value had among the other half of the rows; 0 when values rarely repeat,
 * rows are few, or one label is nearly always right.
 */
function shareFoldedByValue(cells: readonly Cell[], labels: readonly Cell[]): number {
  const rows = labels.flatMap((label, row) => (isMissing(label) || isMissing(cells[row]) ? [] : [row]))
  if (rows.length < fewestRows) return 0
  const text = (cell: Cell | undefined) => String(cell).trim()
  const halves = [rows.filter((_, at) => at % 2 === 0), rows.filter((_, at) => at % 2 === 1)]
  const frequent = mostFrequent(rows.map((row) => text(labels[row])))
  if (frequent.count / rows.length >= trivial) return 0
  let right = 0
  halves.forEach((half, side) => {
    const seen = new Map<string, string[]>()
    for (const row of halves[1 - side]!) {
      const value = text(cells[row])
      seen.set(value, [...(seen.get(value) ?? []).slice(-20), text(labels[row])])
    }
    const answers = new Map([...seen].map(([value, found]) => [value, mostFrequent(found).name]))
    for (const row of half) if (answers.get(text(cells[row])) === text(labels[row])) right++
  })
  return right / rows.length
}

function mostFrequent(names: readonly string[]): { name: string; count: number } {
  const counts = new Map<string, number>()
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1)
  const [name, count] = [...counts].reduce((top, entry) => (entry[1] > top[1] ? entry : top), ['', 0])
  return { name, count }
}

/** Share of rows in which a number is the label, or the same multiple of it. */
function shareEqualNumbers(cells: readonly Cell[], labels: readonly Cell[]): number {
  const pairs = labels.flatMap((label, row) => {
    const [x, y] = [parseNumber(cells[row]), parseNumber(label)]
    return x === undefined || y === undefined || x === 0 || y === 0 ? [] : [[x, y] as const]
  })
  if (pairs.length < fewestRows || pairs.length < 0.5 * labels.length) return 0
  if (new Set(pairs.map(([, y]) => y)).size < 3) return 0
  const ratios = pairs.map(([x, y]) => y / x).sort((a, b) => a - b)
  const middle = ratios[Math.floor(ratios.length / 2)]!
  return ratios.filter((ratio) => Math.abs(ratio / middle - 1) < 1e-6).length / labels.length
}
