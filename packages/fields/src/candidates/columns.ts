import type { CsrMatrix } from '@volant/nn'

/** Sparse matrices of equally many rows side by side. */
export function besideEachOther(rows: number, blocks: readonly CsrMatrix[]): CsrMatrix {
  if (blocks.length === 1) return blocks[0]!
  const count = blocks.reduce((sum, block) => sum + block.indices.length, 0)
  const indptr = new Int32Array(rows + 1)
  const indices = new Int32Array(count)
  const values = new Float32Array(count)
  let at = 0
  for (let row = 0; row < rows; row++) {
    let offset = 0
    for (const block of blocks) {
      for (let from = block.indptr[row]!; from < block.indptr[row + 1]!; from++, at++) {
        indices[at] = block.indices[from]! + offset
        values[at] = block.values[from]!
      }
      offset += block.cols
    }
    indptr[row + 1] = at
  }
  return { rows, cols: blocks.reduce((sum, block) => sum + block.cols, 0), indptr, indices, values }
}
