import type { StepRows } from '../trainer/order.js'
import type { ProcessGroup } from './group.js'

/** This process's rows of an update: each row of a batch goes to exactly one process, in turn. Empty shares are left out. */
export function shareOf(step: StepRows, { rank, size }: Pick<ProcessGroup, 'rank' | 'size'>): StepRows {
  return step.map((rows) => rows.filter((_, place) => place % size === rank)).filter((rows) => rows.length > 0)
}
