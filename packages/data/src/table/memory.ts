import { missingColumn, VolantError } from '../errors.js'
import type { Cell, Column, RejectedRow, Row, RowRange, Table } from './table.js'

export interface TableFacts {
  path: string
  rejected?: RejectedRow[]
  rejectedCount?: number
  notes?: string[]
}

/** A table held in memory, one array a column. */
export class MemoryTable implements Table {
  readonly path: string
  readonly columns: readonly Column[]
  readonly rowCount: number
  readonly rejected: readonly RejectedRow[]
  readonly rejectedCount: number
  readonly notes: readonly string[]
  private readonly cells: Map<string, Cell[]>

  constructor(names: readonly string[], cells: readonly Cell[][], facts: TableFacts) {
    this.path = facts.path
    this.columns = names.map((name) => ({ name }))
    this.rowCount = cells[0]?.length ?? 0
    this.rejected = facts.rejected ?? []
    this.rejectedCount = facts.rejectedCount ?? this.rejected.length
    this.notes = facts.notes ?? []
    this.cells = new Map(names.map((name, at) => [name, cells[at]!]))
  }

  async column(name: string): Promise<Cell[]> {
    return this.cellsOf(name)
  }

  async *rows(range: RowRange = {}): AsyncIterable<Row> {
    const names = range.columns ?? this.columns.map((column) => column.name)
    const cells = names.map((name) => this.cellsOf(name))
    const start = range.offset ?? 0
    const end = Math.min(this.rowCount, start + (range.limit ?? this.rowCount))
    for (let index = start; index < end; index++) {
      const row: Row = {}
      for (let at = 0; at < names.length; at++) row[names[at]!] = cells[at]![index]!
      yield row
    }
  }

  async toColumns(names = this.columns.map((column) => column.name)): Promise<Record<string, Cell[]>> {
    return Object.fromEntries(names.map((name) => [name, this.cellsOf(name)]))
  }

  async close(): Promise<void> {}

  private cellsOf(name: string): Cell[] {
    const cells = this.cells.get(name)
    if (!cells) throw missingColumn(name, [...this.cells.keys()], `"${this.path}"`)
    return cells
  }
}

/**
 * A table of rows already in memory. Columns are the union of the rows' keys in order of first appearance; a key a row
 * lacks, undefined and the empty string are null.
 * @throws VolantError bad-column-name for the name __proto__, bad-cell when a value is not a string, number, boolean or null
 */
export function tableFromRows(rows: readonly Record<string, Cell | undefined>[], name = 'rows'): Table {
  const names: string[] = []
  const places = new Map<string, Cell[]>()
  rows.forEach((row, index) => {
    for (const [key, value] of Object.entries(row)) {
      let cells = places.get(key)
      if (!cells) {
        if (key === '__proto__') {
          const sentence = `Row ${index + 1} has a column named "__proto__", which cannot be used; rename it.`
          throw new VolantError('bad-column-name', sentence, { row: index + 1, column: key })
        }
        cells = new Array<Cell>(rows.length).fill(null)
        places.set(key, cells)
        names.push(key)
      }
      cells[index] = checkedCell(value, key, index)
    }
  })
  return new MemoryTable(names, [...places.values()], { path: name })
}

function checkedCell(value: unknown, column: string, index: number): Cell {
  if (value === undefined || value === null || value === '') return null
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return value
  const found = Array.isArray(value) ? 'a list' : `a value of type ${typeof value}`
  throw new VolantError(
    'bad-cell',
    `Row ${index + 1}, column "${column}": expected text, a number, true, false or null, found ${found}.`,
    { row: index + 1, column },
  )
}
