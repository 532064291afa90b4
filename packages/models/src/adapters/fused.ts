import type { Tensor } from '@volant/graph'
import { transposed } from '../architectures/names.js'

/** The adapter of one of several layers that files keep as one. */
export interface PartAdapter {
  /** [inputs, rank] */
  readonly down: Tensor
  /** [rank, outputs] */
  readonly up: Tensor
  /** What their product is multiplied by. */
  readonly scale: number
}

/** PEFT's adapter of a whole layer. */
export interface WholeAdapter {
  readonly rank: number
  /** [rank, inputs] */
  readonly down: Tensor
  /** [parts x outputs, rank] */
  readonly up: Tensor
  /** What their product is multiplied by. */
  readonly scale: number
}

/**
 * The adapters of layers of equal size, of which some may have none, as one of the layer that they are parts of: the ranks of each
 * part stand beside those of the others and are 0 for these. Parts of one `down`, as PEFT has them, share it.
 */
export function joinedAdapter(parts: readonly (PartAdapter | undefined)[]): WholeAdapter {
  const present = parts.filter((part) => part !== undefined)
  const [first] = present as [PartAdapter]
  const isShared = parts.every((part) => part && sameData(part.down, first.down))
  const [inputs, outputs] = [first.down.dims[0]!, first.up.dims[1]!]
  const rank = isShared ? first.down.dims[1]! : present.reduce((sum, { down }) => sum + down.dims[1]!, 0)
  const down = new Float32Array(rank * inputs)
  const up = new Float32Array(parts.length * outputs * rank)
  let start = 0
  for (const [place, part] of parts.entries()) {
    if (!part) continue
    down.set(transposed(part.down).data as Float32Array, start * inputs)
    part.up.data.forEach((value, i) => {
      const [own, output] = [Math.floor(i / outputs), i % outputs]
      up[(place * outputs + output) * rank + start + own] = (Number(value) * part.scale) / first.scale
    })
    if (!isShared) start += part.down.dims[1]!
  }
  return {
    rank,
    down: { dtype: 'float32', dims: [rank, inputs], data: down },
    up: { dtype: 'float32', dims: [parts.length * outputs, rank], data: up },
    scale: first.scale,
  }
}

/** The reverse for one part: `down` [inputs, rank] and `up` [rank, outputs] without the ranks that change nothing, but for one. */
export function partAdapter(down: Tensor, up: Tensor): { readonly down: Tensor; readonly up: Tensor } {
  const [rank, outputs] = up.dims as [number, number]
  const numbers = up.data as Float32Array
  const used = Array.from({ length: rank }, (_, i) => i).filter((i) =>
    numbers.subarray(i * outputs, (i + 1) * outputs).some((value) => value !== 0),
  )
  const rows = used.length > 0 ? used : [0]
  return { down: transposed(rowsOf(transposed(down), rows)), up: rowsOf(up, rows) }
}

function rowsOf({ dims, data }: Tensor, rows: readonly number[]): Tensor {
  const size = dims[1]!
  const chosen = new Float32Array(rows.length * size)
  for (const [place, row] of rows.entries())
    chosen.set((data as Float32Array).subarray(row * size, (row + 1) * size), place * size)
  return { dtype: 'float32', dims: [rows.length, size], data: chosen }
}

const sameData = (a: Tensor, b: Tensor): boolean =>
  a.data.length === b.data.length && a.data.every((value, i) => value === b.data[i])
