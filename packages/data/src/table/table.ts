/** One value of a table. Cells of CSV and TSV are the file's exact strings; JSONL and Parquet keep their own types. */
export type Cell = string | number | boolean | null
export type Row = Record<string, Cell>

export interface Column {
  name: string
}

/** A row that could not be read and was kept aside. */
export interface RejectedRow {
  /** Line of the file where the row starts, 1 = the first line. */
  line: number
  column?: string
  reason: string
  /** The start of the row as it stands in the file, at most 1,000 characters. */
  text: string
}

export interface RowRange {
  columns?: readonly string[]
  /** First row, 0-based. */
  offset?: number
  limit?: number
}

export interface Table {
  /** Path of the file, or the name given to `tableFromRows`. */
  readonly path: string
  readonly columns: readonly Column[]
  readonly rowCount: number
  /** The first 100 rows that were kept aside, in file order; `rejectedCount` counts all of them. */
  readonly rejected: readonly RejectedRow[]
  readonly rejectedCount: number
  /** What a reader should know about how the file was read, one sentence each. */
  readonly notes: readonly string[]
  /** Line in the file of row `index`, where known (for error messages). */
  lineOf?(index: number): number | undefined
  /** All cells of one column, in row order. @throws VolantError missing-column */
  column(name: string): Promise<Cell[]>
  rows(range?: RowRange): AsyncIterable<Row>
  /** Several columns at once, all by default. @throws VolantError missing-column */
  toColumns(names?: readonly string[]): Promise<Record<string, Cell[]>>
  /** Frees memory and temporary files. */
  close(): Promise<void>
}

export const REJECTS_KEPT = 100
