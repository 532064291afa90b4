import { createWriteStream } from 'node:fs'
import path from 'node:path'
import { once } from 'node:events'
import { finished } from 'node:stream/promises'
import { type Cell, isMissing, openTable, type RejectedRow, type Row, type Table } from '@volant/data'
import type { Provenance } from './schema.js'

/** What is known of a row beside its values. */
export interface Origin {
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

const file = 'rows.jsonl'
const marks = { source: '@source', time: '@time', subject: '@subject', consent: '@consent' } as const

/** Rows that were turned away: how many, and the first of them. */
export interface Rejected {
  count: number
  first: RejectedRow[]
}

const SHOWN = 100

export interface Written {
  rows: number
  /** Rows with a value, per column, in order of first appearance. */
  filled: Map<string, number>
}

/** Writes the rows of a dataset version to a folder. */
export async function writeRows(folder: string, rows: AsyncIterable<DataRow>): Promise<Written> {
  const out = createWriteStream(path.join(folder, file))
  const filled = new Map<string, number>()
  let count = 0
  for await (const { values, origin } of rows) {
    count++
    for (const [column, value] of Object.entries(values)) filled.set(column, (filled.get(column) ?? 0) + (isMissing(value) ? 0 : 1))
    const { source, time, subject, consent } = origin
    const line = { ...values, [marks.source]: source, [marks.time]: time, [marks.subject]: subject, [marks.consent]: consent }
    if (!out.write(`${JSON.stringify(line)}\n`)) await once(out, 'drain')
  }
  out.end()
  await finished(out)
  return { rows: count, filled }
}

/** The rows of a dataset version, in order. `columns` are those of the values. */
export class VersionRows {
  readonly table: Table
  readonly columns: string[]

  constructor(table: Table) {
    this.table = table
    const reserved = new Set<string>(Object.values(marks))
    this.columns = table.columns.map((column) => column.name).filter((name) => !reserved.has(name))
  }

  static async open(folder: string): Promise<VersionRows> {
    return new VersionRows(await openTable(path.join(folder, file)))
  }

  async *read(range: { offset?: number; limit?: number } = {}): AsyncGenerator<DataRow> {
    for await (const row of this.table.rows(range)) {
      const text = (key: string): string | null => (row[key] === null || row[key] === undefined ? null : String(row[key]))
      const values: Row = {}
      for (const name of this.columns) values[name] = row[name] ?? null
      yield {
        values,
        origin: {
          source: text(marks.source) ?? '',
          time: text(marks.time) ?? '',
          subject: text(marks.subject),
          consent: text(marks.consent),
        },
      }
    }
  }

  /** Path of the file itself, for a child process. */
  get path(): string {
    return this.table.path
  }

  close(): Promise<void> {
    return this.table.close()
  }
}

/** Gives rows of a file or a request their origin; rows without a readable time are turned away into `rejected`. */
export async function* withOrigin(
  rows: AsyncIterable<Row> | Iterable<Row>,
  provenance: Provenance,
  { source, keep, rejected }: { source: string; keep: ReadonlySet<string>; rejected: Rejected },
): AsyncGenerator<DataRow> {
  const { timeColumn, subjectColumn, sourceColumn, consentColumn } = provenance
  const taken = [timeColumn, subjectColumn, sourceColumn, consentColumn].filter((name) => name !== undefined && !keep.has(name))
  const now = provenance.time ? new Date(provenance.time).toISOString() : new Date().toISOString()
  let line = 0
  for await (const row of rows) {
    line++
    const at = timeColumn ? readTime(row[timeColumn]) : now
    if (at === null) {
      const text = String(row[timeColumn!]).slice(0, 200)
      if (rejected.count++ < SHOWN) rejected.first.push({ line, column: timeColumn, reason: 'no time that can be read', text })
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
