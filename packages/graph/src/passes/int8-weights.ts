import { type Matrix, stridesOf } from './products.js'

/** A weight as whole numbers: w[k, n] ≈ scales[n] · q[k, n]. */
export interface Int8Columns {
  /** K x N. */
  readonly q: Int8Array
  /** N. */
  readonly scales: Float32Array
}

/** Symmetric around 0, one scale a column: the largest number of each column becomes ±`largest`. */
export function int8Columns(weight: Matrix, largest = 127): Int8Columns {
  const { data, K, N } = weight
  const [rowStride, columnStride] = stridesOf(weight)
  const scales = new Float32Array(N)
  for (let k = 0; k < K; k++)
    for (let n = 0; n < N; n++) {
      const size = Math.abs(data[k * rowStride + n * columnStride]!)
      if (size > scales[n]!) scales[n] = size
    }
  for (let n = 0; n < N; n++) scales[n] = scales[n]! > 0 ? scales[n]! / largest : 1
  const q = new Int8Array(K * N)
  for (let k = 0; k < K; k++)
    for (let n = 0; n < N; n++) q[k * N + n] = Math.round(data[k * rowStride + n * columnStride]! / scales[n]!)
  return { q, scales }
}
