import { VolantError } from '../errors.js'
import { Duck, markedText, unmarked } from '../table/duck.js'
import { MemoryTable, type TableFacts } from '../table/memory.js'
import { type StoredColumn, StoredTable } from '../table/stored.js'
import { type Cell, REJECTS_KEPT, type RejectedRow, type Table } from '../table/table.js'
import { readTyped, writeTyped } from '../table/typed.js'
import { tooManyColumns } from './csv.js'
import { emptyFile } from './head.js'

export interface GatherLimits {
  maxColumns: number
  /** Bytes of cells held before rows go to a temporary file. */
  memory: number
}

/** Bytes a cell takes beside its characters, roughly (a pointer and a string header). */
const CELL_BYTES = 40

/** Bytes of cells moved to disk at once, and the least memory DuckDB gets. */
const STORED_AT_ONCE = 32e6
const LEAST_DUCK = 128e6

/** Gathers the rows of a text file column by column: in memory, and beyond `memory` bytes in a temporary DuckDB file. */
export class Gatherer {
  count = 0
  readonly notes: string[] = []
  private readonly names: string[] = []
  private readonly places = new Map<string, number>()
  private cells: Cell[][] = []
  /** Rows in `cells`. */
  private held = 0
  private heldBytes = 0
  private readonly rejected: RejectedRow[] = []
  private rejectedCount = 0
  private duck: Duck | undefined
  /** Columns the stored table has. */
  private storedColumns = 0

  /** @param typed whether cells may be numbers and booleans (JSONL) rather than text alone (CSV) */
  constructor(
    readonly path: string,
    private readonly typed: boolean,
    private readonly limits: GatherLimits,
  ) {}

  /** The place of a column, new ones at the end. */
  place(name: string): number {
    let at = this.places.get(name)
    if (at === undefined) {
      if (name === '__proto__') {
        throw new VolantError(
          'bad-column-name',
          `"${this.path}" has a column named "__proto__", which cannot be used; rename it.`,
          { path: this.path },
        )
      }
      if (this.names.length >= this.limits.maxColumns)
        throw tooManyColumns({ path: this.path, maxColumns: this.limits.maxColumns })
      at = this.names.push(name) - 1
      this.cells.push(new Array<Cell>(this.held).fill(null))
      this.places.set(name, at)
    }
    return at
  }

  add(cells: readonly string[]): void {
    for (let at = 0; at < cells.length; at++) {
      const cell = cells[at]!
      this.cells[at]!.push(cell === '' ? null : cell)
      this.heldBytes += cell.length + CELL_BYTES
    }
    this.held++
    this.count++
  }

  addNamed(row: readonly (readonly [name: string, cell: Cell])[]): void {
    for (const [name, cell] of row) {
      const cells = this.cells[this.place(name)]!
      cells[this.held] = cell
      this.heldBytes += (typeof cell === 'string' ? cell.length : 8) + CELL_BYTES
    }
    this.held++
    this.count++
    for (const cells of this.cells) if (cells.length < this.held) cells.push(null)
  }

  reject(row: RejectedRow): void {
    this.rejectedCount++
    if (this.rejected.length < REJECTS_KEPT) this.rejected.push(row)
  }

  /** Moves what is held to disk once it is too much; call between blocks. */
  async relieve(): Promise<void> {
    const most = this.duck ? Math.min(this.limits.memory, STORED_AT_ONCE) : this.limits.memory
    if (this.heldBytes > most) await this.store()
  }

  private async store(): Promise<void> {
    this.duck ??= await Duck.open(Math.max(LEAST_DUCK, this.limits.memory))
    for (; this.storedColumns < this.names.length; this.storedColumns++) {
      const column = `c${this.storedColumns} varchar`
      await this.duck.rows(
        this.storedColumns === 0 ? `create table gathered (${column})` : `alter table gathered add column ${column}`,
      )
    }
    await this.duck.append(
      'gathered',
      this.typed ? this.cells.map((cells) => cells.map(writeTyped)) : (this.cells as (string | null)[][]),
    )
    this.cells = this.names.map(() => [])
    this.held = 0
    this.heldBytes = 0
  }

  /** The table of all rows gathered. @throws VolantError empty-file, no-rows, no-valid-rows */
  async table(): Promise<Table> {
    if (this.count === 0) this.refuseEmpty()
    const facts: TableFacts = {
      path: this.path,
      rejected: this.rejected,
      rejectedCount: this.rejectedCount,
      notes: this.notes,
    }
    if (!this.duck) return new MemoryTable(this.names, this.cells, facts)
    await this.store()
    const toCell = this.typed ? (stored: string) => readTyped(stored) : (stored: string) => stored
    const columns: StoredColumn[] = this.names.map((name, at) => ({
      name,
      expression: markedText(`c${at}`),
      toCell: (value) => toCell(unmarked(value)),
    }))
    return new StoredTable(this.duck, 'gathered', columns, this.count, facts)
  }

  /** Frees the temporary file when the import fails. */
  discard(): void {
    this.duck?.close()
  }

  private refuseEmpty(): never {
    const { path, rejectedCount } = this
    const first = this.rejected[0]
    if (first) {
      throw new VolantError(
        'no-valid-rows',
        `"${path}" has no row that can be read (${rejectedCount} kept aside); the first fault is in line ${first.line}: ${first.reason}.`,
        { path, rejectedCount, rejected: this.rejected },
      )
    }
    if (this.names.length === 0) throw emptyFile(path)
    throw new VolantError('no-rows', `"${path}" has a header but no rows; expected at least one row below it.`, {
      path,
      columns: this.names,
    })
  }
}
