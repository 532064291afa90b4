import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { DuckDBInstance } from '@duckdb/node-api'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Row } from '../table/table.js'
import { openTable } from './open.js'

const folder = mkdtempSync(join(tmpdir(), 'volant-test-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const path = (name: string) => join(folder, name)

async function make(name: string, select: string): Promise<string> {
  const connection = await (await DuckDBInstance.create()).connect()
  await connection.run(`copy (${select}) to '${path(name)}' (format parquet)`)
  connection.closeSync()
  return path(name)
}

async function rowsOf(file: string): Promise<Row[]> {
  const table = await openTable(file)
  const rows: Row[] = []
  for await (const row of table.rows()) rows.push(row)
  expect(rows).toHaveLength(table.rowCount)
  await table.close()
  return rows
}

describe('Parquet', () => {
  let kinds: string
  beforeAll(async () => {
    kinds = await make(
      'kinds.parquet',
      `select 1::tinyint as small, 9007199254740993 as big, 12::bigint as long, 1.5::decimal(9,2) as exact, 0.25::float as single, 'nan'::double as nan,
       true as flag, '' as empty, 'é😀' as text, date '2024-02-29' as day, timestamp '2024-02-29 12:30:00' as moment, [1, 2] as list, {'a': 'x'} as struct,
       null::varchar as none, 'ab'::blob as bytes, 12345678901234567890123::decimal(38,0) as huge, 'x'::enum('x', 'y') as kind`,
    )
  })

  it('keeps types where a cell can hold them, and writes the others as text', async () => {
    expect(await rowsOf(kinds)).toEqual([
      {
        small: 1,
        big: '9007199254740993',
        long: 12,
        exact: 1.5,
        single: 0.25,
        nan: null,
        flag: true,
        empty: null,
        text: 'é😀',
        day: '2024-02-29',
        moment: '2024-02-29 12:30:00',
        list: '[1,2]',
        struct: '{"a":"x"}',
        none: null,
        bytes: 'ab',
        huge: '12345678901234567890123',
        kind: 'x',
      },
    ])
  })

  it('reads a gzipped file, a file of another name, and a name with pattern characters', async () => {
    const bytes = readFileSync(kinds)
    writeFileSync(path('kinds.parquet.gz'), gzipSync(bytes))
    writeFileSync(path("it's [a] *? name.parquet"), bytes)
    writeFileSync(path('kinds.data'), bytes)
    for (const name of ['kinds.parquet.gz', "it's [a] *? name.parquet", 'kinds.data'])
      expect(await rowsOf(path(name)), name).toHaveLength(1)
  })

  it('keeps the order of rows over row groups and reads ranges', async () => {
    const file = await make('many.parquet', 'select range as n from range(300000)')
    const table = await openTable(file)
    expect((await table.column('n')).every((n, at) => n === at)).toBe(true)
    const some: Row[] = []
    for await (const row of table.rows({ offset: 250_000, limit: 2 })) some.push(row)
    expect(some).toEqual([{ n: 250_000 }, { n: 250_001 }])
    await table.close()
  })

  it('refuses a truncated file, one without rows, and too many columns', async () => {
    writeFileSync(path('cut.parquet'), readFileSync(kinds).subarray(0, 500))
    await expect(openTable(path('cut.parquet'))).rejects.toMatchObject({ code: 'corrupt-parquet' })
    await expect(openTable(await make('none.parquet', 'select 1 as a where false'))).rejects.toMatchObject({
      code: 'no-rows',
    })
    await expect(openTable(kinds, { maxColumns: 5 })).rejects.toMatchObject({
      code: 'too-many-columns',
      message: expect.stringContaining('has 17 columns'),
    })
  })

  it('wraps what only shows while reading', async () => {
    const bytes = Uint8Array.from(
      readFileSync(await make('damage.parquet', "select 'text ' || range as t from range(50000)")),
    )
    bytes.fill(0x5a, 2000, 30_000)
    writeFileSync(path('damage.parquet'), bytes)
    const table = await openTable(path('damage.parquet'))
    await expect(table.column('t')).rejects.toMatchObject({ name: 'VolantError', code: 'unreadable-file' })
    await table.close()
  })
})
