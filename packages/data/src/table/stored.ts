import type { DuckDBValue } from '@duckdb/node-api'
import { missingColumn, readError } from '../errors.js'
import type { Duck } from './duck.js'
import type { TableFacts } from './memory.js'
import type { Cell, Column, RejectedRow, Row, RowRange, Table } from './table.js'

/** A column of a stored table: the expression that reads it and how its values become cells. */
export interface StoredColumn {
  name: string
  expression: string
  toCell: (value: DuckDBValue) => Cell
}

/** A table on disk, read through DuckDB; only what is asked for comes into memory. */
export class StoredTable implements Table {
  readonly path: string
  readonly columns: readonly Column[]
  readonly rejected: readonly RejectedRow[]
  readonly rejectedCount: number
  readonly notes: readonly string[]
  private readonly stored: Map<string, StoredColumn>

  /** @param from what stands behind FROM in a query; its rows keep their order */
  constructor(
    private readonly duck: Duck,
    private readonly from: string,
    stored: readonly StoredColumn[],
    readonly rowCount: number,
    facts: TableFacts,
  ) {
    this.path = facts.path
    this.columns = stored.map(({ name }) => ({ name }))
    this.rejected = facts.rejected ?? []
    this.rejectedCount = facts.rejectedCount ?? this.rejected.length
    this.notes = facts.notes ?? []
    this.stored = new Map(stored.map((column) => [column.name, column]))
  }

  async column(name: string): Promise<Cell[]> {
    return (await this.toColumns([name]))[name]!
  }

  async toColumns(names: readonly string[] = this.names()): Promise<Record<string, Cell[]>> {
    const columns = names.map((name) => [name, [] as Cell[]] as const)
    for await (const chunk of this.cells({ columns: names })) {
      columns.forEach(([, cells], at) => {
        for (const cell of chunk[at]!) cells.push(cell)
      })
    }
    return Object.fromEntries(columns)
  }

  async *rows(range: RowRange = {}): AsyncIterable<Row> {
    const names = range.columns ?? this.names()
    for await (const chunk of this.cells(range)) {
      for (let index = 0; index < (chunk[0]?.length ?? 0); index++) {
        const row: Row = {}
        for (let at = 0; at < names.length; at++) row[names[at]!] = chunk[at]![index]!
        yield row
      }
    }
  }

  async close(): Promise<void> {
    this.duck.close()
  }

  private names(): string[] {
    return this.columns.map((column) => column.name)
  }

  private async *cells(range: RowRange): AsyncGenerator<Cell[][]> {
    const columns = (range.columns ?? this.names()).map((name) => this.storedColumn(name))
    if (columns.length === 0) return
    const limit = range.limit === undefined ? '' : ` limit ${Math.max(0, Math.floor(range.limit))}`
    const sql = `select ${columns.map((column) => column.expression).join(', ')} from ${this.from}${limit} offset ${Math.max(0, Math.floor(range.offset ?? 0))}`
    try {
      for await (const chunk of this.duck.chunks(sql)) {
        yield chunk.map((values, at) => values.map((value) => (value === null ? null : columns[at]!.toCell(value))))
      }
    } catch (error) {
      throw readError(error, this.path)
    }
  }

  private storedColumn(name: string): StoredColumn {
    const column = this.stored.get(name)
    if (!column) throw missingColumn(name, [...this.stored.keys()], `"${this.path}"`)
    return column
  }
}
