import type { Cell } from '../table/table.js'
import { words } from '../text/words.js'
import { type Halves, percent } from './predictability.js'

/** A word that stands in nearly all rows of one class and hardly in any other. */
export interface TokenSuspect {
  token: string
  label: string
  /** Share of rows with the token that are of the class, and of the class's rows that have it, on held-out rows. */
  precision: number
  recall: number
  heldOut: number
  evidence: string
}

/** Characters looked at in all, and of one text (its start and its end, where headers and footers stand). */
const TOTAL_CHARACTERS = 12e6
const HEAD = 6000
const TAIL = 2000
const LEAST_ROWS = 5
const PRECISION = 0.97

/**
 * Finds single words that give a class away: chosen by F1 on the fit rows, reported when on the held-out rows too
 * precision is high and recall at least `leastRecall`. A word is what `words` finds, or whatever stands between white space.
 */
export function tokenSuspects(
  cells: readonly Cell[],
  ids: Int32Array,
  labels: readonly string[],
  halves: Halves,
  leastRecall: number,
): TokenSuspect[] {
  const [fit, held] = [within(halves.fit, cells), within(halves.held, cells)]
  const fitTokens = tokenRows(fit, cells)
  const sizes = classSizes(fit, ids, labels.length)
  const suspects: TokenSuspect[] = []
  const candidates = bestTokens(fitTokens, fit, ids, sizes, leastRecall)
  if (candidates.length === 0) return []
  const heldTokens = tokenRows(held, cells, new Set(candidates.map(({ token }) => token)))
  const heldSizes = classSizes(held, ids, labels.length)
  for (const { token, id } of candidates) {
    const places = heldTokens.get(token) ?? []
    const right = places.filter((at) => ids[held[at]!] === id).length
    const precision = places.length === 0 ? 0 : right / places.length
    const recall = heldSizes[id] === 0 ? 0 : right / heldSizes[id]!
    if (right < LEAST_ROWS || precision < PRECISION || recall < leastRecall) continue
    const evidence = `the word "${token}" stands in ${percent(recall)} of the rows "${labels[id]}", and ${percent(precision)} of the rows with it are "${labels[id]}" (${held.length} held-out rows)`
    suspects.push({ token, label: labels[id]!, precision, recall, heldOut: held.length, evidence })
  }
  return suspects
}

/** The first rows whose texts fit half the budget of characters. */
function within(rows: Int32Array, cells: readonly Cell[]): Int32Array {
  let left = TOTAL_CHARACTERS / 2
  const end = rows.findIndex((row) => {
    left -= Math.min(String(cells[row] ?? '').length, HEAD + TAIL)
    return left < 0
  })
  return end < 0 ? rows : rows.subarray(0, end)
}

/** For each token, the places in `rows` of the texts that have it, once each. */
function tokenRows(rows: Int32Array, cells: readonly Cell[], only?: Set<string>): Map<string, number[]> {
  const found = new Map<string, number[]>()
  rows.forEach((row, place) => {
    for (const token of tokensOf(cells[row]!)) {
      if (only && !only.has(token)) continue
      const places = found.get(token)
      if (!places) found.set(token, [place])
      else if (places[places.length - 1] !== place) places.push(place)
    }
  })
  return found
}

function* tokensOf(cell: Cell): Generator<string> {
  if (cell === null) return
  const text = String(cell).toLowerCase()
  const looked = text.length > HEAD + TAIL ? `${text.slice(0, HEAD)} ${text.slice(-TAIL)}` : text
  yield* words(looked)
  for (const token of looked.split(/\s+/))
    if (token.length > 1 && token.length <= 60 && /[^\p{L}\p{M}\p{N}_]/u.test(token)) yield token
}

function classSizes(rows: Int32Array, ids: Int32Array, classes: number): Int32Array {
  const sizes = new Int32Array(classes)
  for (const row of rows) sizes[ids[row]!]!++
  return sizes
}

/** The three tokens of the highest F1 for each class that could pass on the fit rows. */
function bestTokens(
  tokens: Map<string, number[]>,
  fit: Int32Array,
  ids: Int32Array,
  sizes: Int32Array,
  leastRecall: number,
): { token: string; id: number }[] {
  const best: { token: string; id: number; f1: number }[][] = Array.from(sizes, () => [])
  const inClass = new Int32Array(sizes.length)
  for (const [token, places] of tokens) {
    if (places.length < LEAST_ROWS) continue
    inClass.fill(0)
    for (const place of places) inClass[ids[fit[place]!]!]!++
    inClass.forEach((right, id) => {
      if (right < LEAST_ROWS || right / places.length < PRECISION - 0.02 || right / sizes[id]! < leastRecall - 0.05)
        return
      best[id]!.push({ token, id, f1: (2 * right) / (places.length + sizes[id]!) })
    })
  }
  return best.flatMap((list) => list.sort((a, b) => b.f1 - a.f1 || (a.token < b.token ? -1 : 1)).slice(0, 3))
}
