import { createWriteStream } from 'node:fs'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import type { DuckDBBlobValue, DuckDBValue } from '@duckdb/node-api'
import { VolantError } from '../errors.js'
import { Duck, markedText, quoteName, quoteText, unmarked } from '../table/duck.js'
import { type StoredColumn, StoredTable } from '../table/stored.js'
import type { Cell, Table } from '../table/table.js'
import { byteChunks } from './blocks.js'
import { tooManyColumns } from './csv.js'

interface ParquetOptions {
  gzip: boolean
  maxColumns: number
  memory: number
  signal?: AbortSignal
}

/** Opens a Parquet file in place; a gzipped one is unpacked to a temporary file first. */
export async function openParquet(path: string, { gzip, maxColumns, memory, signal }: ParquetOptions): Promise<Table> {
  const duck = await Duck.open(memory)
  try {
    const file = gzip ? join(duck.folder, 'rows.parquet') : path
    if (gzip) await pipeline(byteChunks({ path, gzip, signal }), createWriteStream(file))
    const from = `read_parquet(${quoteText(globFree(file))})`
    const described = await describe(duck, from, path)
    if (described.length > maxColumns) throw tooManyColumns({ path, maxColumns }, described.length)
    const count = Number((await duck.rows(`select count(*) from ${from}`))[0]![0])
    const columns = described.map(([name, type]) => parquetColumn(name, type))
    if (count === 0)
      throw new VolantError('no-rows', `"${path}" has columns but no rows; expected at least one row.`, { path })
    return new StoredTable(duck, from, columns, count, { path })
  } catch (error) {
    duck.close()
    throw error
  }
}

async function describe(duck: Duck, from: string, path: string): Promise<[name: string, type: string][]> {
  try {
    const rows = await duck.rows(`describe select * from ${from}`)
    return rows.map((row) => [String(row[0]), String(row[1])])
  } catch (error) {
    throw new VolantError(
      'corrupt-parquet',
      `"${path}" starts as Parquet but cannot be read: it is truncated or damaged; make or copy it again.`,
      { path },
      { cause: error },
    )
  }
}

/** DuckDB reads *, ? and [ in a path as patterns. */
function globFree(path: string): string {
  return path.replace(/[*?[]/g, (character) => `[${character}]`)
}

const plainTypes = /^(BOOLEAN|U?TINYINT|U?SMALLINT|U?INTEGER|U?BIGINT|FLOAT|DOUBLE|BLOB)$/

function parquetColumn(name: string, type: string): StoredColumn {
  const quoted = quoteName(name)
  if (type === 'VARCHAR') return { name, expression: markedText(quoted), toCell: (value) => textCell(unmarked(value)) }
  if (plainTypes.test(type)) return { name, expression: quoted, toCell: plainCell }
  if (/^(DECIMAL|U?HUGEINT|BIGNUM)/.test(type))
    return { name, expression: `cast(${quoted} as varchar)`, toCell: numberOrText }
  const nested = /\[\d*\]$|^(STRUCT|MAP|UNION)/.test(type)
  return {
    name,
    expression: `cast(${nested ? `to_json(${quoted})` : quoted} as varchar)`,
    toCell: (value) => textCell(String(value)),
  }
}

function plainCell(value: DuckDBValue): Cell {
  if (typeof value === 'number') return Number.isNaN(value) ? null : value
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : String(value)
  if (typeof value === 'boolean') return value
  return textCell(new TextDecoder().decode((value as DuckDBBlobValue).bytes))
}

function textCell(text: string): Cell {
  return text === '' ? null : text
}

/** A whole number beyond a double's range keeps its digits as text. */
function numberOrText(value: DuckDBValue): Cell {
  const number = Number(value)
  return Number.isInteger(number) && !Number.isSafeInteger(number) ? String(value) : number
}
