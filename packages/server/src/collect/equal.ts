import { createHash } from 'node:crypto'
import { type Cell, isMissing, type Row } from '@volant/data'

/**
 * A key that two rows share when all their inputs are equal: same text after trimming, numbers by value ("42" is 42).
 * Rows equal to a row of the frozen test set are kept out of training by it.
 */
export function inputsKey(row: Row, inputs: readonly string[]): string {
  const hash = createHash('sha256')
  for (const name of inputs) hash.update(`${textOf(row[name])}\u0001`)
  return hash.digest('base64url')
}

function textOf(cell: Cell | undefined): string {
  return isMissing(cell) ? '' : String(cell).normalize('NFC').replace(/\s+/g, ' ').trim()
}
