import type { StepRows } from '../trainer/order.js'
import type { ProcessGroup } from './group.js'

/** One process's part of a batch. */
export interface Share {
  readonly rows: Int32Array
  /** Place of the first of them in the whole batch. */
  readonly first: number
}

/** Each batch whole, for a process that trains alone. */
export const wholeOf = (step: StepRows): Share[] => step.map((rows) => ({ rows, first: 0 }))

/** This process's share of an update: of each batch one piece, so that each row goes to one process. Empty pieces are left out. */
export function shareOf(step: StepRows, { rank, size }: Pick<ProcessGroup, 'rank' | 'size'>): Share[] {
  return step
    .map((rows) => {
      const [first, end] = [rank, rank + 1].map((part) => Math.round((part * rows.length) / size))
      return { rows: rows.slice(first, end), first: first! }
    })
    .filter(({ rows }) => rows.length > 0)
}
