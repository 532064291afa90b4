import { Random } from '../random.js'
import { type CsrMatrix, csrFromRows } from './matrix.js'

/** A small random classification problem for tests: sparse rows whose label leans on the first columns. */
export function randomProblem(rows: number, cols: number, classes: number, seed: number) {
  const random = new Random(seed)
  const labels = new Int32Array(rows)
  const entries = Array.from({ length: rows }, (_, i) => {
    const row = new Map<number, number>()
    for (let n = 0; n < 6; n++) row.set(random.integer(cols), random.normal())
    labels[i] = random.integer(classes)
    row.set(labels[i]!, 1 + random.normal())
    return [...row]
  })
  return { x: csrFromRows(entries, cols), labels }
}

/** The rows as dense arrays of doubles. */
export function denseRows({ rows, cols, indptr, indices, values }: CsrMatrix): number[][] {
  return Array.from({ length: rows }, (_, i) => {
    const row = new Array<number>(cols).fill(0)
    for (let at = indptr[i]!; at < indptr[i + 1]!; at++) row[indices[at]!] = values[at]!
    return row
  })
}
