import type { Tensor } from '@volant/graph'

/** Token ids of texts as ids int64 [B, T] and mask bool [B, T], T being the longest, at least 1. */
export function padded(rows: readonly Int32Array[]): { ids: Tensor; mask: Tensor } {
  const longest = rows.reduce((most, { length }) => Math.max(most, length), 1)
  const ids = new BigInt64Array(rows.length * longest)
  const mask = new Uint8Array(ids.length)
  rows.forEach((row, place) => {
    ids.set(BigInt64Array.from(row, BigInt), place * longest)
    mask.fill(1, place * longest, place * longest + row.length)
  })
  const dims = [rows.length, longest]
  return { ids: { dtype: 'int64', dims, data: ids }, mask: { dtype: 'bool', dims, data: mask } }
}
