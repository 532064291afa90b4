import { NnError } from '../errors.js'

/** A sparse matrix in compressed rows. Indices within a row are distinct; their order is free. */
export interface CsrMatrix {
  readonly rows: number
  readonly cols: number
  /** [rows + 1]: row i holds the entries indptr[i] … indptr[i+1]-1. */
  readonly indptr: Int32Array
  readonly indices: Int32Array
  readonly values: Float32Array
}

/** What the linear solvers return: score[row, o] = x[row] · weights[:, o] + bias[o]. */
export interface LinearModel {
  /** [cols, outputs], row-major. */
  readonly weights: Float32Array
  /** [outputs] */
  readonly bias: Float32Array
  readonly outputs: number
}

/** Builds a matrix from rows of [column, value] pairs. */
export function csrFromRows(rows: readonly (readonly (readonly [number, number])[])[], cols: number): CsrMatrix {
  const count = rows.reduce((sum, row) => sum + row.length, 0)
  const indptr = new Int32Array(rows.length + 1)
  const indices = new Int32Array(count)
  const values = new Float32Array(count)
  let at = 0
  rows.forEach((row, i) => {
    for (const [index, value] of row) {
      indices[at] = index
      values[at++] = value
    }
    indptr[i + 1] = at
  })
  return { rows: rows.length, cols, indptr, indices, values }
}

/** Refuses a matrix whose parts do not fit together or whose values are not finite. */
export function checkMatrix({ rows, cols, indptr, indices, values }: CsrMatrix): void {
  const refuse = (message: string, details: Record<string, unknown>) => {
    throw new NnError('bad-matrix', `Sparse matrix: ${message}`, { rows, cols, ...details })
  }
  if (indptr.length !== rows + 1) refuse(`indptr has ${indptr.length} entries, expected ${rows + 1}`, {})
  const end = indptr[rows] ?? 0
  if (indices.length < end || values.length < end)
    refuse(`indptr ends at ${end} but there are ${indices.length} indices and ${values.length} values`, { end })
  for (let i = 0; i < rows; i++)
    if (indptr[i + 1]! < indptr[i]!)
      refuse(`indptr falls from ${indptr[i]} to ${indptr[i + 1]} at row ${i}`, { row: i })
  for (let at = 0; at < end; at++) {
    const index = indices[at]!
    if (index < 0 || index >= cols) refuse(`entry ${at} has column ${index}, expected 0 … ${cols - 1}`, { entry: at })
    if (!Number.isFinite(values[at]!)) refuse(`entry ${at} (column ${index}) is ${values[at]}`, { entry: at })
  }
}

/** Squared Euclidean length of every row, plus `added` (1 for the constant feature of the intercept). */
export function rowSquares({ rows, indptr, values }: CsrMatrix, added: number): Float64Array {
  const squares = new Float64Array(rows).fill(added)
  for (let i = 0; i < rows; i++)
    for (let at = indptr[i]!; at < indptr[i + 1]!; at++) squares[i]! += values[at]! * values[at]!
  return squares
}

/** Scores of every row, [rows, outputs] row-major. */
export function linearScores({ weights, bias, outputs }: LinearModel, x: CsrMatrix): Float32Array {
  if (weights.length !== x.cols * outputs)
    throw new NnError(
      'wrong-columns',
      `Linear model: it has ${weights.length / outputs} input columns, the matrix has ${x.cols}`,
      { expected: weights.length / outputs, found: x.cols },
    )
  const { rows, indptr, indices, values } = x
  const scores = new Float32Array(rows * outputs)
  const sums = new Float64Array(outputs)
  for (let i = 0; i < rows; i++) {
    for (let o = 0; o < outputs; o++) sums[o] = bias[o]!
    for (let at = indptr[i]!; at < indptr[i + 1]!; at++) {
      const value = values[at]!
      const base = indices[at]! * outputs
      for (let o = 0; o < outputs; o++) sums[o]! += value * weights[base + o]!
    }
    scores.set(sums, i * outputs)
  }
  return scores
}
