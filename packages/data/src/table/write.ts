import { createWriteStream } from 'node:fs'
import { open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGzip } from 'node:zlib'
import { VolantError, writeError } from '../errors.js'
import type { Cell, Row } from './table.js'

export interface WriteOptions {
  /** By the file's name unless given: .csv, .tsv or .jsonl, each also with .gz. */
  format?: 'csv' | 'tsv' | 'jsonl'
  /** Columns in order; those of the first row unless given. */
  columns?: readonly string[]
  signal?: AbortSignal
}

/**
 * Writes rows to a CSV, TSV or JSONL file, whole or not at all. Null is an empty cell; CSV follows RFC 4180 with LF.
 * @returns the number of rows written
 * @throws VolantError disk-full, no-permission, write-failed, unknown-format, no-columns
 */
export async function writeRows(
  path: string,
  rows: Iterable<Row> | AsyncIterable<Row>,
  options: WriteOptions = {},
): Promise<number> {
  const format = options.format ?? /\.(csv|tsv|jsonl)(?:\.gz)?$/i.exec(path)?.[1]?.toLowerCase()
  if (format !== 'csv' && format !== 'tsv' && format !== 'jsonl') {
    throw new VolantError(
      'unknown-format',
      `"${path}": expected a name ending in .csv, .tsv or .jsonl (also .gz), or the option format.`,
      { path },
    )
  }
  const written = { rows: 0 }
  const text =
    format === 'jsonl'
      ? jsonLines(rows, options.columns, written)
      : delimitedLines(rows, format === 'tsv' ? '\t' : ',', options.columns, written)
  await writeWhole(path, (file) => {
    const compress = /\.gz$/i.test(path) ? [createGzip()] : []
    return pipeline([Readable.from(inBlocks(text)), ...compress, createWriteStream(file)], { signal: options.signal })
  })
  return written.rows
}

type Rows = Iterable<Row> | AsyncIterable<Row>

async function* jsonLines(
  rows: Rows,
  columns: readonly string[] | undefined,
  written: { rows: number },
): AsyncGenerator<string> {
  for await (const row of rows) {
    yield `${JSON.stringify(columns ? picked(row, columns) : row)}\n`
    written.rows++
  }
}

async function* delimitedLines(
  rows: Rows,
  delimiter: string,
  given: readonly string[] | undefined,
  written: { rows: number },
): AsyncGenerator<string> {
  let columns = given
  if (columns) yield csvLine(columns, delimiter)
  for await (const row of rows) {
    if (!columns) {
      columns = Object.keys(row)
      yield csvLine(columns, delimiter)
    }
    yield csvLine(
      columns.map((name) => row[name] ?? null),
      delimiter,
    )
    written.rows++
  }
  if (!columns?.length)
    throw new VolantError(
      'no-columns',
      'A CSV or TSV file needs columns: give at least one row, or the option columns.',
    )
}

/** Joins lines to blocks of 64 kB: fewer, larger writes. */
async function* inBlocks(lines: AsyncIterable<string>): AsyncGenerator<string> {
  let block = ''
  for await (const line of lines) {
    block += line
    if (block.length < 1 << 16) continue
    yield block
    block = ''
  }
  yield block
}

function picked(row: Row, columns: readonly string[]): Row {
  return Object.fromEntries(columns.map((name) => [name, row[name] ?? null]))
}

function csvLine(cells: readonly Cell[], delimiter: string): string {
  // A line of one empty cell would be a blank line, which readers skip: it is quoted.
  if (cells.length === 1 && (cells[0] === null || cells[0] === '')) return '""\n'
  return `${cells.map((cell) => csvCell(cell, delimiter)).join(delimiter)}\n`
}

function csvCell(cell: Cell, delimiter: string): string {
  if (cell === null) return ''
  const text = String(cell)
  return text.includes(delimiter) || /["\r\n]|^[\s\ufeff]|\s$/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}

/**
 * Makes a file whole or not at all: `fill` writes a temporary file beside it, which is flushed to the disk and renamed.
 * @throws VolantError disk-full, no-permission, write-failed; the temporary file is gone then
 */
export async function writeWhole(path: string, fill: (temporary: string) => Promise<unknown>): Promise<void> {
  const temporary = `${path}.${process.pid}-${Math.random().toString(36).slice(2, 8)}.tmp`
  try {
    await fill(temporary)
    await flush(temporary)
    await rename(temporary, path)
    await flush(dirname(path))
  } catch (error) {
    await rm(temporary, { force: true })
    throw writeError(error, path)
  }
}

/** Flushes a file or a folder's entries to the disk; folders cannot be flushed on Windows. */
export async function flush(path: string): Promise<void> {
  const handle = await open(path, process.platform === 'win32' ? 'r+' : 'r').catch((error: { code?: string }) => {
    if (process.platform === 'win32' && (error.code === 'EISDIR' || error.code === 'EPERM')) return undefined
    throw error
  })
  try {
    await handle?.sync()
  } finally {
    await handle?.close()
  }
}
