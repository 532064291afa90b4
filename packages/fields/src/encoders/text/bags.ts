import type { Tensor } from '@volant/graph'
import type { CsrMatrix } from '@volant/nn'

/** Rows of (id, weight) pairs as the two tensors of the model file, padded to the longest row (at least 1) with weight 0. */
export function paddedBags({ rows, indptr, indices, values }: CsrMatrix): { '.ids': Tensor; '.weights': Tensor } {
  let n = 1
  for (let row = 0; row < rows; row++) n = Math.max(n, indptr[row + 1]! - indptr[row]!)
  const ids = new BigInt64Array(rows * n)
  const low = new Int32Array(ids.buffer) // ids are below 2^31: the low halves of little-endian int64
  const weights = new Float32Array(rows * n)
  for (let row = 0; row < rows; row++) {
    for (let at = indptr[row]!, to = row * n; at < indptr[row + 1]!; at++, to++) {
      low[2 * to] = indices[at]!
      weights[to] = values[at]!
    }
  }
  return {
    '.ids': { dtype: 'int64', dims: [rows, n], data: ids },
    '.weights': { dtype: 'float32', dims: [rows, n], data: weights },
  }
}
