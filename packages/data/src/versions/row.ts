import { createHash } from 'node:crypto'
import { VolantError } from '../errors.js'
import { canonicalRow } from '../prepare/duplicates.js'
import type { Row } from '../table/table.js'

/** Where a row comes from. */
export interface RowMetadata {
  /** A file's name, a channel, "feedback" and the like. */
  source: string
  /** When the row came into being, ISO 8601. */
  time: string
  /** The person the row is about. */
  subject?: string
  /** What the person allowed the row to be used for. */
  consent?: string
}

export interface DatasetRow {
  row: Row
  meta: RowMetadata
}

export const metadataFields = ['source', 'time', 'subject', 'consent'] as const

/** sha256 of a row with its metadata. */
export function identityOf({ row, meta }: DatasetRow): string {
  const origin = metadataFields.map((field) => meta[field] ?? null)
  return createHash('sha256').update(canonicalRow(row)).update(JSON.stringify(origin)).digest('hex')
}

/** @throws VolantError bad-row, bad-cell; `place` is the row's number for the message */
export function checkRow({ row, meta }: DatasetRow, place: number): void {
  if (typeof meta.source !== 'string' || meta.source === '')
    throw new VolantError('bad-row', `Row ${place}: expected a source, found none.`, { row: place })
  if (Number.isNaN(Date.parse(meta.time)))
    throw new VolantError('bad-row', `Row ${place}: expected a time as ISO 8601, found "${meta.time}".`, { row: place })
  for (const [name, cell] of Object.entries(row)) {
    const fits = cell === null || typeof cell === 'string' || typeof cell === 'boolean' || Number.isFinite(cell)
    if (!fits)
      throw new VolantError(
        'bad-cell',
        `Row ${place}, column "${name}": expected text, a finite number, true, false or null, found ${String(cell)}.`,
        { row: place, column: name },
      )
  }
}
