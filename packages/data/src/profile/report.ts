import type { RejectedRow } from '../table/table.js'
import type { inferOutputType } from '../types.js'
import type { ColumnProfile } from './column.js'
import type { LeakageSuspect } from './leakage.js'
import type { Duplicates, Overlap } from './overlap.js'

export interface TargetProfile {
  name: string
  type: ReturnType<typeof inferOutputType>
  missing: number
  /** Classes by size; empty for numbers. At most 200 are listed, `classCount` counts all. */
  classes: { label: string; count: number; share: number }[]
  classCount: number
  /** Classes with a single row. */
  singles: number
}

/** Plain JSON; counts are of the rows looked at. */
export interface Profile {
  path: string
  rows: number
  /** Rows looked at: all, or a sample of this size. */
  looked: number
  rejectedCount: number
  rejected: RejectedRow[]
  notes: string[]
  columns: ColumnProfile[]
  targets: TargetProfile[]
  duplicates: Duplicates
  leakage: LeakageSuspect[]
  overlap: Overlap | null
  /** What a person should look at, one sentence each. */
  warnings: string[]
}
