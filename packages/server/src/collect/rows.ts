import path from 'node:path'
import {
  type Cell,
  type DatasetRow,
  isMissing,
  type OpenVersion,
  type RejectedRow,
  type Row,
  readDatasetVersion,
  type Table,
  writeDatasetVersion,
} from '@volant/data'
import type { Provenance } from './schema.js'

/** What is known of a row beside its values. */
interface Origin {
  source: string
  /** ISO 8601. */
  time: string
  subject: string | null
  consent: string | null
}

export interface DataRow {
  values: Row
  origin: Origin
}

/** Rows that were turned away: how many, and the first of them. */
export interface Rejected {
  count: number
  first: RejectedRow[]
}

const SHOWN = 100

/** Where a version's rows are kept: a folder of Parquet parts and the version's id in it. */
export interface VersionPlace {
  folder: string
  id: string
}

/** The folder of all row versions of a project. */
export function rowsFolder(dataFolder: string, project: string): string {
  return path.join(dataFolder, 'datasets', project)
}

export interface Written {
  /** sha256 of the content. */
  id: string
  /** All rows, the parent's too. */
  rows: number
  /** New rows with a value, per column, in order of first appearance. */
  filled: Map<string, number>
}

/** Writes rows as an immutable version, after those of `parent`. Nothing is seen of it before it is complete. */
export async function writeRows(folder: string, rows: AsyncIterable<DataRow>, parent?: string): Promise<Written> {
  const filled = new Map<string, number>()
  const counted = async function* (): AsyncGenerator<DatasetRow> {
    for await (const { values, origin } of rows) {
      for (const [column, value] of Object.entries(values))
        filled.set(column, (filled.get(column) ?? 0) + (isMissing(value) ? 0 : 1))
      const { source, time, subject, consent } = origin
      yield {
        row: values,
        meta: { source, time, ...(subject !== null && { subject }), ...(consent !== null && { consent }) },
      }
    }
  }
  const version = await writeDatasetVersion(folder, counted(), parent === undefined ? {} : { parent })
  return { id: version.id, rows: version.rows, filled }
}

/** The rows of a version, in order, with their origins. */
export class VersionRows {
  readonly #version: OpenVersion

  private constructor(version: OpenVersion) {
    this.#version = version
  }

  static async open({ folder, id }: VersionPlace): Promise<VersionRows> {
    return new VersionRows(await readDatasetVersion(folder, id))
  }

  get table(): Table {
    return this.#version.table
  }

  get columns(): string[] {
    return this.table.columns.map((column) => column.name)
  }

  async *read(range: { offset?: number; limit?: number } = {}): AsyncGenerator<DataRow> {
    const origins = this.#version.origins.rows(range)[Symbol.asyncIterator]()
    for await (const values of this.table.rows(range)) {
      const { value } = (await origins.next()) as { value: Row }
      const text = (cell: Cell | undefined): string | null =>
        cell === null || cell === undefined ? null : String(cell)
      const { source, time, subject, consent } = value
      yield {
        values,
        origin: { source: String(source), time: String(time), subject: text(subject), consent: text(consent) },
      }
    }
  }

  close(): Promise<void> {
    return this.#version.close()
  }
}

/** Gives rows of a file or a request their origin; rows without a readable time are turned away into `rejected`. */
export async function* withOrigin(
  rows: AsyncIterable<Row> | Iterable<Row>,
  provenance: Provenance,
  { source, keep, rejected }: { source: string; keep: ReadonlySet<string>; rejected: Rejected },
): AsyncGenerator<DataRow> {
  const { timeColumn, subjectColumn, sourceColumn, consentColumn } = provenance
  const taken = [timeColumn, subjectColumn, sourceColumn, consentColumn].filter(
    (name) => name !== undefined && !keep.has(name),
  )
  const now = provenance.time ? new Date(provenance.time).toISOString() : new Date().toISOString()
  let line = 0
  for await (const row of rows) {
    line++
    const at = timeColumn ? readTime(row[timeColumn]) : now
    if (at === null) {
      const text = String(row[timeColumn!]).slice(0, 200)
      if (rejected.count++ < SHOWN)
        rejected.first.push({ line, column: timeColumn, reason: 'no time that can be read', text })
      continue
    }
    const values = { ...row }
    for (const name of taken) delete values[name!]
    const from = (column: string | undefined): string | null =>
      column === undefined || isMissing(row[column]) ? null : String(row[column])
    yield {
      values,
      origin: {
        source: from(sourceColumn) ?? provenance.source ?? source,
        time: at,
        subject: from(subjectColumn),
        consent: from(consentColumn) ?? provenance.consent ?? null,
      },
    }
  }
}

/** A missing time is now; a number is seconds or milliseconds since 1970. */
function readTime(cell: Cell | undefined): string | null {
  if (isMissing(cell)) return new Date().toISOString()
  const number = typeof cell === 'number' ? cell : Number(cell)
  const date = new Date(Number.isFinite(number) ? (number < 1e11 ? number * 1000 : number) : String(cell))
  return Number.isNaN(date.getTime()) ? null : date.toISOString()
}
