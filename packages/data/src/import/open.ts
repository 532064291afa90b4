import { VolantError } from '../errors.js'
import type { Table } from '../table/table.js'
import { type ByteSource, type ImportProgress, OtherEncoding, textBlocks } from './blocks.js'
import { CsvReader, tooManyColumns } from './csv.js'
import { detectEncoding, type Encoding, namedEncoding } from './encoding.js'
import { Gatherer } from './gather.js'
import { type FileHead, type Format, formatOf, readHead } from './head.js'
import { JsonlReader } from './jsonl.js'
import { openParquet } from './parquet.js'
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
  /** Bytes of cells held in memory before rows go to a temporary file, 512e6 by default. */
  memory?: number
}

interface Settings extends OpenOptions {
  maxCell: number
  maxColumns: number
  memory: number
}

/**
 * Opens a CSV, TSV, JSONL or Parquet file, also gzipped, as a table. Empty cells are null; cells of CSV and TSV are the
 * file's exact strings. Rows that cannot be read are kept aside in `rejected`.
 * @throws VolantError file-not-found, is-a-folder, not-a-file, no-permission, empty-file, no-rows, no-valid-rows, binary-file,
 * not-parquet, truncated-gzip, corrupt-gzip, duplicate-column, too-many-columns, cell-too-large, unknown-encoding, bad-header, bad-delimiter,
 * not-json-lines, corrupt-parquet, disk-full (a temporary file of a table larger than memory)
 */
export async function openTable(path: string, options: OpenOptions = {}): Promise<Table> {
  const settings: Settings = {
    ...options,
    maxCell: options.maxCell ?? 5_000_000,
    maxColumns: options.maxColumns ?? 10_000,
    memory: options.memory ?? 512e6,
  }
  settings.signal?.throwIfAborted()
  const head = await readHead(path)
  const format = settings.format ?? formatOf(head)
  if (format === 'parquet') return openParquet(path, { ...settings, gzip: head.gzip })
  const found = detectEncoding(head.start, head.whole)
  const encoding = settings.encoding ? namedEncoding(settings.encoding, found.bom) : found
  const guessed = settings.encoding === undefined && encoding.bom === 0
  try {
    return await readText(head, format, encoding, guessed, settings)
  } catch (error) {
    if (!(error instanceof OtherEncoding)) throw error
    return await readText(head, format, namedEncoding(error.encoding, 0), false, settings)
  }
}

async function readText(
  head: FileHead,
  format: Format,
  encoding: Encoding,
  guessed: boolean,
  settings: Settings,
): Promise<Table> {
  const rows = new Gatherer(head.path, format === 'jsonl', settings)
  if (encoding.name !== 'utf-8')
    rows.notes.push(
      encoding.bom > 0 || settings.encoding ? `Read as ${encoding.name}.` : `Read as ${encoding.name}, a guess.`,
    )
  const sample = new TextDecoder(encoding.name).decode(head.start)
  if (format === 'jsonl' && sample.trimStart().startsWith('[')) throw jsonList(head.path)
  const reader =
    format === 'jsonl'
      ? jsonlInto(rows, settings)
      : csvInto(rows, delimiterOf(sample, head, format, rows, settings), settings)
  const source: ByteSource = { path: head.path, gzip: head.gzip, signal: settings.signal }
  source.onBytes = (bytes) => settings.onProgress?.({ bytes, totalBytes: head.bytes, rows: rows.count })
  try {
    for await (const block of textBlocks(source, encoding, guessed)) {
      reader.feed(block)
      await rows.relieve()
    }
    reader.finish()
    return await rows.table()
  } catch (error) {
    rows.discard()
    throw error
  }
}

function jsonList(path: string): VolantError {
  return new VolantError(
    'not-json-lines',
    `"${path}" is one JSON list; expected JSON Lines, one object a line (jq -c '.[]' turns the one into the other).`,
    { path },
  )
}

function delimiterOf(sample: string, head: FileHead, format: Format, rows: Gatherer, settings: Settings): string {
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

function csvInto(rows: Gatherer, delimiter: string, settings: Settings): TextReader {
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
        if (cells.length === 1 && cells[0] === '' && text().trim() === '') return
        if (cells.length === names.length) rows.add(cells)
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
        if (!names) throw badHeader(rows.path, line, reason)
        rows.reject({ line, column: names?.[cell], reason, text })
      },
    },
    { path: rows.path, maxCell: settings.maxCell, maxColumns: settings.maxColumns },
  )
}

function badHeader(path: string, line: number, reason: string): VolantError {
  return new VolantError('bad-header', `"${path}", line ${line}: the header cannot be read: ${reason}.`, {
    path,
    line,
    reason,
  })
}

function headerNames(cells: readonly string[], rows: Gatherer, settings: Settings): string[] {
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

function jsonlInto(rows: Gatherer, settings: Settings): TextReader {
  return new JsonlReader(
    {
      record: (row) => rows.addNamed(row),
      reject: (line, reason, text) => rows.reject({ line, reason, text }),
    },
    { path: rows.path, maxCell: settings.maxCell },
  )
}
