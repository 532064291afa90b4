import { duplicateKeys } from '../prepare/duplicates.js'
import type { Cell } from '../table/table.js'

export interface Duplicates {
  /** Rows equal to an earlier row in every column but ids. */
  exact: number
  /** Rows whose inputs equal an earlier row's but for case, punctuation and white space. */
  normalised: number
  /** Rows with inputs as an earlier row's, normalised, but another label; 0 without targets. */
  contradicting: number
}

export interface Overlap {
  testRows: number
  /** Test rows whose inputs stand in the table too, as they are and normalised. */
  exact: number
  normalised: number
}

export function countDuplicates(
  inputs: readonly (readonly Cell[])[],
  targets: readonly (readonly Cell[])[],
): Duplicates {
  const exact = repeats(duplicateKeys([...inputs, ...targets]))
  const keys = duplicateKeys(inputs, { normalised: true })
  const labels = duplicateKeys(targets)
  const first = new Map<string, number>()
  let contradicting = 0
  keys.forEach((key, row) => {
    const other = first.get(key)
    if (other === undefined) first.set(key, row)
    else if (targets.length > 0 && labels[row] !== labels[other]) contradicting++
  })
  return { exact, normalised: keys.length - first.size, contradicting }
}

function repeats(keys: string[]): number {
  return keys.length - new Set(keys).size
}

export function countOverlap(inputs: readonly (readonly Cell[])[], testInputs: readonly (readonly Cell[])[]): Overlap {
  const shared = (normalised: boolean) => {
    const known = new Set(duplicateKeys(inputs, { normalised }))
    return duplicateKeys(testInputs, { normalised }).filter((key) => known.has(key)).length
  }
  return { testRows: testInputs[0]?.length ?? 0, exact: shared(false), normalised: shared(true) }
}
