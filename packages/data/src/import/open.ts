import { VolantError } from '../errors.js'
import { MemoryTable } from '../table/memory.js'
import { type Cell, REJECTS_KEPT, type RejectedRow, type Table } from '../table/table.js'
import { type ByteSource, type ImportProgress, OtherEncoding, textBlocks } from './blocks.js'
import { CsvReader, tooManyColumns } from './csv.js'
import { detectEncoding, type Encoding, namedEncoding } from './encoding.js'
import { emptyFile, type FileHead, type Format, formatOf, readHead } from './head.js'
import { JsonlReader } from './jsonl.js'
import { sniffDelimiter } from './sniff.js'

export interface OpenOptions {
  signal?: AbortSignal
  onProgress?: (progress: ImportProgress) => void
  /** By content and name unless given. */
  format?: Format
  /** One ASCII character; sniffed from the first records unless given. */
  delimiter?: string
  /** A WHATWG name such as gb18030; detected unless given. */
  encoding?: string
  /** Characters a cell may have, 5,000,000 by default. */
  maxCell?: number
  /** Columns a table may have, 10,000 by default. */
  maxColumns?: number
}

interface Settings extends OpenOptions {
  maxCell: number
  maxColumns: number
}

/**
 * Opens a CSV, TSV, JSONL or Parquet file, also gzipped, as a table. Empty cells are null; cells of CSV and TSV are the
 * file's exact strings. Rows that cannot be read are kept aside in `rejected`.
 * @throws VolantError file-not-found, is-a-folder, no-permission, empty-file, no-rows, no-valid-rows, binary-file,
 * not-parquet, truncated-gzip, corrupt-gzip, duplicate-column, too-many-columns, cell-too-large, unknown-encoding
 */
export async function openTable(path: string, options: OpenOptions = {}): Promise<Table> {
  const settings: Settings = {
    ...options,
    maxCell: options.maxCell ?? 5_000_000,
    maxColumns: options.maxColumns ?? 10_000,
  }
  settings.signal?.throwIfAborted()
  const head = await readHead(path)
  const format = settings.format ?? formatOf(head)
  if (format === 'parquet') throw new VolantError('unsupported-format', `"${path}": Parquet is not read yet.`, { path })
  const encoding = settings.encoding ? namedEncoding(settings.encoding) : detectEncoding(head.start, head.whole)
  const guessed = settings.encoding === undefined && encoding.bom === 0
  try {
    return await readText(head, format, encoding, guessed, settings)
  } catch (error) {
    if (!(error instanceof OtherEncoding)) throw error
    return await readText(head, format, namedEncoding(error.encoding), false, settings)
  }
}

async function readText(
  head: FileHead,
  format: Format,
  encoding: Encoding,
  guessed: boolean,
  settings: Settings,
): Promise<Table> {
  const rows = new Rows(head.path, settings)
  if (encoding.name !== 'utf-8') rows.notes.push(`Read as ${encoding.name}.`)
  const sample = new TextDecoder(encoding.name).decode(head.start)
  const reader =
    format === 'jsonl'
      ? jsonlInto(rows, settings)
      : csvInto(rows, delimiterOf(sample, head, format, rows, settings), settings)
  const source: ByteSource = { path: head.path, gzip: head.gzip, signal: settings.signal }
  source.onBytes = (bytes) => settings.onProgress?.({ bytes, totalBytes: head.bytes, rows: rows.count })
  for await (const block of textBlocks(source, encoding, guessed)) reader.feed(block)
  reader.finish()
  return rows.table()
}

function delimiterOf(sample: string, head: FileHead, format: Format, rows: Rows, settings: Settings): string {
  const usual = format === 'tsv' ? '\t' : ','
  if (settings.delimiter !== undefined) {
    if (/^[ -~\t]$/.test(settings.delimiter) && settings.delimiter !== '"') return settings.delimiter
    throw new VolantError(
      'bad-delimiter',
      `The delimiter must be one ASCII character other than a quote, found "${settings.delimiter}".`,
      { delimiter: settings.delimiter },
    )
  }
  const found = sniffDelimiter(sample, head.whole, usual)
  if (found !== usual) rows.notes.push(`Cells are divided by ${found === '\t' ? 'tabs' : `"${found}"`}.`)
  return found
}

interface TextReader {
  feed(block: string): void
  finish(): void
}

function csvInto(rows: Rows, delimiter: string, settings: Settings): TextReader {
  let names: string[] | undefined
  return new CsvReader(
    delimiter.charCodeAt(0),
    {
      record(cells, line, text) {
        if (!names) {
          if (cells.every((cell) => cell.trim() === '')) return
          names = headerNames(cells, rows, settings)
          return
        }
        if (cells.length === 1 && cells[0] === '' && names.length > 1) return
        if (cells.length === names.length) rows.add(cells, line)
        else {
          const kind = cells.length > names.length ? 'too many' : 'too few'
          const column = names[Math.min(cells.length, names.length) - 1]
          rows.reject({
            line,
            column,
            reason: `${kind} cells: expected ${names.length}, found ${cells.length}`,
            text: text(),
          })
        }
      },
      reject(line, cell, reason, text) {
        rows.reject({ line, column: names?.[cell], reason, text })
      },
    },
    { path: rows.path, maxCell: settings.maxCell, maxColumns: settings.maxColumns },
  )
}

function headerNames(cells: readonly string[], rows: Rows, settings: Settings): string[] {
  if (cells.length > settings.maxColumns)
    throw tooManyColumns({ path: rows.path, maxColumns: settings.maxColumns }, cells.length)
  const names = cells.map((cell, at) => {
    const name = cell.replace(/^\ufeff/, '').trim()
    if (name !== '') return name
    rows.notes.push(`Column ${at + 1} has no name; it is called "column${at + 1}".`)
    return `column${at + 1}`
  })
  const seen = new Map<string, number>()
  names.forEach((name, at) => {
    const first = seen.get(name)
    if (first !== undefined) {
      throw new VolantError(
        'duplicate-column',
        `"${rows.path}" has two columns named "${name}" (${first + 1} and ${at + 1}); rename one of them.`,
        { path: rows.path, column: name, places: [first + 1, at + 1] },
      )
    }
    seen.set(name, at)
  })
  for (const name of names) rows.place(name)
  return names
}

function jsonlInto(rows: Rows, settings: Settings): TextReader {
  return new JsonlReader(
    {
      record: (row, line) => rows.addNamed(row, line),
      reject: (line, reason, text) => rows.reject({ line, reason, text }),
    },
    { path: rows.path, maxCell: settings.maxCell },
  )
}

/** Gathers rows column by column. */
class Rows {
  count = 0
  readonly notes: string[] = []
  private readonly names: string[] = []
  private readonly cells: Cell[][] = []
  private readonly places = new Map<string, number>()
  private readonly rejected: RejectedRow[] = []
  private rejectedCount = 0

  constructor(
    readonly path: string,
    private readonly settings: Settings,
  ) {}

  place(name: string): number {
    let at = this.places.get(name)
    if (at === undefined) {
      if (name === '__proto__')
        throw new VolantError(
          'bad-column-name',
          `"${this.path}" has a column named "__proto__", which cannot be used; rename it.`,
          { path: this.path },
        )
      if (this.names.length >= this.settings.maxColumns)
        throw tooManyColumns({ path: this.path, maxColumns: this.settings.maxColumns })
      at = this.names.push(name) - 1
      this.cells.push(new Array<Cell>(this.count).fill(null))
      this.places.set(name, at)
    }
    return at
  }

  add(cells: readonly string[], _line: number): void {
    for (let at = 0; at < cells.length; at++) this.cells[at]!.push(cells[at] === '' ? null : cells[at]!)
    this.count++
  }

  addNamed(row: Record<string, Cell>, _line: number): void {
    for (const [name, cell] of Object.entries(row)) this.cells[this.place(name)]!.push(cell)
    this.count++
    for (const cells of this.cells) if (cells.length < this.count) cells.push(null)
  }

  reject(row: RejectedRow): void {
    this.rejectedCount++
    if (this.rejected.length < REJECTS_KEPT) this.rejected.push(row)
  }

  table(): Table {
    if (this.count === 0) this.refuseEmpty()
    return new MemoryTable(this.names, this.cells, {
      path: this.path,
      rejected: this.rejected,
      rejectedCount: this.rejectedCount,
      notes: this.notes,
    })
  }

  private refuseEmpty(): never {
    const first = this.rejected[0]
    if (first) {
      throw new VolantError(
        'no-valid-rows',
        `"${this.path}" has no row that can be read (${this.rejectedCount} kept aside); the first fault is in line ${first.line}: ${first.reason}.`,
        { path: this.path, rejectedCount: this.rejectedCount, rejected: this.rejected },
      )
    }
    if (this.names.length === 0) throw emptyFile(this.path)
    throw new VolantError('no-rows', `"${this.path}" has a header but no rows; expected at least one row below it.`, {
      path: this.path,
      columns: this.names,
    })
  }
}
