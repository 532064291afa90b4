import { VolantError } from '../errors.js'
import type { Cell } from '../table/table.js'
import { isMissing, parseNumber } from '../types.js'
import { shuffledIndices } from './random.js'

export interface SplitOptions {
  /** Shares of train, valid and test; they are divided by their sum. A share of 0 gives an empty part. */
  ratios: readonly [train: number, valid: number, test: number]
  /** Whole number; the same seed and rows give the same split. */
  seed: number
  /** Targets to keep in balance, one array of `rows` cells each; numbers with over 20 values are cut into ten ranges. */
  stratify?: readonly (readonly Cell[])[]
  /** Rows with the same key stay on one side, as `duplicateKeys` makes them. */
  groups?: readonly (string | number)[]
}

export interface Split {
  train: number[]
  valid: number[]
  test: number[]
}

/**
 * Splits `rows` rows by greedy iterative stratification (Sechidis, Tsoumakas and Vlahavas 2011) over groups: the rarest
 * class first, each group to the part that lacks most of that class. Every class that has a row has one in train.
 * A missing label is a class of its own. Indices ascend within each part.
 * @throws VolantError bad-split when ratios are negative, all 0, or train is 0
 */
export function split(rows: number, options: SplitOptions): Split {
  const ratios = checkedRatios(options.ratios)
  const units = unitsOf(rows, options.groups, options.seed)
  const classes = (options.stratify ?? []).map((cells) => classIds(cells, rows))
  const part = assign(units, classes, ratios, rows)
  const result: Split = { train: [], valid: [], test: [] }
  for (let row = 0; row < rows; row++) result[partNames[part[row]!]!].push(row)
  return result
}

const partNames = ['train', 'valid', 'test'] as const

function checkedRatios(ratios: readonly number[]): number[] {
  const sum = ratios.reduce((total, ratio) => total + ratio, 0)
  if (ratios.length !== 3 || !ratios.every((ratio) => Number.isFinite(ratio) && ratio >= 0) || !(ratios[0]! > 0)) {
    throw new VolantError(
      'bad-split',
      `A split needs three shares of at least 0 for train, valid and test with train above 0, such as .8,.1,.1; found ${ratios.join(',')}.`,
      { ratios },
    )
  }
  return ratios.map((ratio) => ratio / sum)
}

/** Rows that move together, in shuffled order. */
function unitsOf(rows: number, groups: readonly (string | number)[] | undefined, seed: number): number[][] {
  const members = new Map<string | number, number[]>()
  for (let row = 0; row < rows; row++) {
    const key = groups ? groups[row]! : row
    const unit = members.get(key)
    if (unit) unit.push(row)
    else members.set(key, [row])
  }
  const units = [...members.values()]
  return Array.from(shuffledIndices(units.length, seed), (at) => units[at]!)
}

interface Classes {
  ids: Int32Array
  count: number
}

function classIds(cells: readonly Cell[], rows: number): Classes {
  const labels = binned(cells)
  const known = new Map<string, number>()
  const ids = new Int32Array(rows)
  for (let row = 0; row < rows; row++) {
    const label = labels[row]!
    if (!known.has(label)) known.set(label, known.size)
    ids[row] = known.get(label)!
  }
  return { ids, count: known.size }
}

/** Labels as text; a numeric target with over 20 values becomes ten ranges of equal size. */
function binned(cells: readonly Cell[]): string[] {
  const labels = cells.map((cell) => (isMissing(cell) ? '\0' : String(cell).trim()))
  const distinct = new Set(labels)
  if (distinct.size <= 20) return labels
  const numbers = cells.map(parseNumber)
  if (!numbers.every((number, at) => number !== undefined || labels[at] === '\0')) return labels
  const sorted = Float64Array.from(numbers.filter((number) => number !== undefined)).sort()
  const cuts = Array.from({ length: 9 }, (_, at) => sorted[Math.floor(((at + 1) * sorted.length) / 10)]!)
  return numbers.map((number) => (number === undefined ? '\0' : String(cuts.filter((cut) => number >= cut).length)))
}

function assign(units: number[][], targets: Classes[], ratios: number[], rows: number): Uint8Array {
  const part = new Uint8Array(rows)
  const room = ratios.map((ratio) => ratio * rows)
  const lacks = targets.map(({ ids, count }) => {
    const totals = new Float64Array(count)
    for (const id of ids) totals[id]!++
    return ratios.map((ratio) => totals.map((total) => total * ratio))
  })
  const inTrain = targets.map(({ count }) => new Uint8Array(count))
  for (const { unit, target, id } of byRarestClass(units, targets)) {
    const needed = targets.some(({ ids }, at) => unit.some((row) => !inTrain[at]![ids[row]!]))
    const chosen = needed ? 0 : neediest(room, target < 0 ? undefined : lacks[target]!.map((lack) => lack[id]!), ratios)
    for (const row of unit) {
      part[row] = chosen
      room[chosen]!--
      targets.forEach(({ ids }, at) => {
        lacks[at]![chosen]![ids[row]!]!--
        if (chosen === 0) inTrain[at]![ids[row]!] = 1
      })
    }
  }
  return part
}

/** Units ordered by the size of the rarest class among their labels; big units first within a class. */
function byRarestClass(units: number[][], targets: Classes[]): { unit: number[]; target: number; id: number }[] {
  const totals = targets.map(({ ids, count }) => {
    const sizes = new Int32Array(count)
    for (const id of ids) sizes[id]!++
    return sizes
  })
  const ordered = units.map((unit) => {
    let rarest = { unit, target: -1, id: 0, size: Number.POSITIVE_INFINITY }
    targets.forEach(({ ids }, target) => {
      const id = ids[unit[0]!]!
      if (totals[target]![id]! < rarest.size) rarest = { unit, target, id, size: totals[target]![id]! }
    })
    return rarest
  })
  return ordered.sort((a, b) => a.size - b.size || a.target - b.target || a.id - b.id || b.unit.length - a.unit.length)
}

/** The part that lacks most of the class; among equals the one with most room in share, then the first. */
function neediest(room: number[], lacks: number[] | undefined, ratios: number[]): number {
  let best = 0
  for (let at = 1; at < ratios.length; at++) {
    if (ratios[at] === 0) continue
    const ahead = lacks ? lacks[at]! - lacks[best]! : room[at]! - room[best]!
    const tie = room[at]! - room[best]!
    if (ahead > 1e-9 || (Math.abs(ahead) <= 1e-9 && tie > 1e-9)) best = at
  }
  return best
}
