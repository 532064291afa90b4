import type { Tensor } from '@volant/graph'
import type { CsrMatrix } from '@volant/nn'
import type { EncodedColumn } from './encoder.js'

/** One float32 a row: the tensor `<field>`. */
export function floatColumn(values: Float32Array): EncodedColumn {
  return {
    rows: values.length,
    tensors: (rows) => {
      const data = rows ? Float32Array.from(rows, (row) => values[row]!) : values.slice()
      return { '': { dtype: 'float32', dims: [data.length], data } }
    },
  }
}

/** One id a row: the tensor `<field>`. */
export function idColumn(ids: Int32Array): EncodedColumn {
  return {
    rows: ids.length,
    tensors: (rows) => {
      const data = rows ? BigInt64Array.from(rows, (row) => BigInt(ids[row]!)) : BigInt64Array.from(ids, BigInt)
      return { '': { dtype: 'int64', dims: [data.length], data } }
    },
  }
}

/** Pairs of id and weight, as many as each row has: `<field>.ids` and `<field>.weights`, padded with weight 0. */
export function bagColumn(matrix: CsrMatrix, shortest = 1): EncodedColumn {
  const { indptr } = matrix
  return {
    rows: matrix.rows,
    length: (row) => indptr[row + 1]! - indptr[row]!,
    tensors: (rows = Int32Array.from({ length: matrix.rows }, (_, row) => row)) => paddedBags(matrix, rows, shortest),
  }
}

function paddedBags(
  { indptr, indices, values }: CsrMatrix,
  rows: Int32Array,
  shortest: number,
): Record<string, Tensor> {
  let n = shortest
  for (const row of rows) n = Math.max(n, indptr[row + 1]! - indptr[row]!)
  const ids = new BigInt64Array(rows.length * n)
  const low = new Int32Array(ids.buffer) // ids are below 2^31: the low halves of little-endian int64
  const weights = new Float32Array(rows.length * n)
  rows.forEach((row, place) => {
    for (let at = indptr[row]!, to = place * n; at < indptr[row + 1]!; at++, to++) {
      low[2 * to] = indices[at]!
      weights[to] = values[at]!
    }
  })
  return {
    '.ids': { dtype: 'int64', dims: [rows.length, n], data: ids },
    '.weights': { dtype: 'float32', dims: [rows.length, n], data: weights },
  }
}

/** Builds the rows of a sparse matrix one after the other, in arrays that grow. */
export class RowsBuilder {
  private indices = new Int32Array(1024)
  private values = new Float32Array(1024)
  private readonly ends: number[] = [0]
  /** Entries so far. */
  size = 0

  push(index: number, value: number): void {
    if (this.size === this.indices.length) {
      this.indices = grown(this.indices, new Int32Array(this.size * 2))
      this.values = grown(this.values, new Float32Array(this.size * 2))
    }
    this.indices[this.size] = index
    this.values[this.size++] = value
  }

  /** Multiplies the entries from `from` on. */
  scale(from: number, factor: number): void {
    for (let at = from; at < this.size; at++) this.values[at]! *= factor
  }

  endRow(): void {
    this.ends.push(this.size)
  }

  matrix(cols: number): CsrMatrix {
    return {
      rows: this.ends.length - 1,
      cols,
      indptr: Int32Array.from(this.ends),
      indices: this.indices.slice(0, this.size),
      values: this.values.slice(0, this.size),
    }
  }
}

function grown<T extends Int32Array | Float32Array>(from: T, to: T): T {
  to.set(from)
  return to
}
