import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, describe, expect, it } from 'vitest'
import type { Row, Table } from '../table/table.js'
import { openTable } from './open.js'

const folder = mkdtempSync(join(tmpdir(), 'volant-test-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

let files = 0
function file(content: string | Uint8Array, name = 'rows.csv'): string {
  const path = join(folder, `${files++}-${name}`)
  writeFileSync(path, content)
  return path
}

async function allRows(table: Table): Promise<Row[]> {
  const rows: Row[] = []
  for await (const row of table.rows()) rows.push(row)
  return rows
}

describe.each([
  ['in memory', 512e6],
  ['on disk', 0],
])('openTable %s', (_where, memory) => {
  const read = async (content: string | Uint8Array, name?: string, options = {}) => {
    const table = await openTable(file(content, name), { memory, ...options })
    const rows = await allRows(table)
    expect(rows.length).toBe(table.rowCount)
    await table.close()
    return { table, rows }
  }

  it('keeps the exact strings of a CSV file, empty cells as null', async () => {
    const { rows } = await read('code,name,n\n007, Ann ,1.50\n,"",1e3\n')
    expect(rows).toEqual([
      { code: '007', name: ' Ann ', n: '1.50' },
      { code: null, name: null, n: '1e3' },
    ])
  })

  it('reads quotes, delimiters and line ends inside quoted cells, CRLF and no line end at the end', async () => {
    const { rows } = await read('a,b\r\n"x, ""y""\r\nz",5" wide\r\n"","q"')
    expect(rows).toEqual([
      { a: 'x, "y"\r\nz', b: '5" wide' },
      { a: null, b: 'q' },
    ])
  })

  it.each([
    ['rows.tsv', 'a\tb\n1\t2\n'],
    ['semicolon.csv', 'a;b\n1;2\n'],
    ['pipe.txt', 'a|b\n1|2\n'],
    ['tabs.csv', 'a\tb\n1\t2\n'],
    ['mac.csv', 'a,b\r1,2\r'],
    ['blank.csv', '\n\na,b\n\n1,2\n\n'],
  ])('finds the shape of %s', async (name, content) => {
    expect((await read(content, name)).rows).toEqual([{ a: '1', b: '2' }])
  })

  it('reads JSON Lines with their own types, missing keys as null, nested values as JSON', async () => {
    const { rows, table } = await read(
      '{"a":1,"b":"x"}\n\n{"b":true,"c":[1,{"d":2}]}\r\n{"a":12345678901234567890,"b":""}',
      'rows.jsonl',
    )
    expect(table.columns.map((column) => column.name)).toEqual(['a', 'b', 'c'])
    expect(rows).toEqual([
      { a: 1, b: 'x', c: null },
      { a: null, b: true, c: '[1,{"d":2}]' },
      { a: '12345678901234567890', b: null, c: null },
    ])
  })

  it('keeps faulty rows aside with line, column, reason and text, and all good ones', async () => {
    const { rows, table } = await read('a,b\n1,x\n2\n3,y,z\n4,"multi\nline"\n5,"he said "no""\n6,\0\n7,ok\n')
    expect(rows.map((row) => row['a'])).toEqual(['1', '4', '7'])
    expect(table.rejectedCount).toBe(4)
    expect(table.rejected).toEqual([
      { line: 3, column: 'a', reason: 'too few cells: expected 2, found 1', text: '2' },
      { line: 4, column: 'b', reason: 'too many cells: expected 2, found 3', text: '3,y,z' },
      { line: 7, column: 'b', reason: expect.stringContaining('closing quote'), text: '5,"he said "no""' },
      { line: 8, column: 'b', reason: expect.stringContaining('NUL'), text: '6,\0' },
    ])
  })

  it('loses only the line of a quote that never closes', async () => {
    const { rows, table } = await read('a,b\n1,"x\n2,y\n3,z\n')
    expect(rows.map((row) => row['a'])).toEqual(['2', '3'])
    expect(table.rejected).toMatchObject([{ line: 2, column: 'b', text: '1,"x' }])
    const stray = await read('a,b\n1,"x\n2,"y",\n3,z\n4,w\n')
    expect(stray.rows.map((row) => row['a'])).toEqual(['3', '4'])
    expect(stray.table.rejected.map(({ line }) => line)).toEqual([2, 3])
  })

  it('counts every faulty row but keeps the first hundred', async () => {
    const { table } = await read(`a,b\n1,2\n${'x\n'.repeat(250)}`)
    expect([table.rowCount, table.rejectedCount, table.rejected.length]).toEqual([1, 250, 100])
  })

  it('keeps faulty JSON lines aside', async () => {
    const { rows, table } = await read('{"a":1}\n{"a":\n[1]\n{"a":2}\n', 'rows.jsonl')
    expect(rows).toEqual([{ a: 1 }, { a: 2 }])
    expect(table.rejected.map(({ line, reason }) => [line, reason.slice(0, 14)])).toEqual([
      [2, 'not valid JSON'],
      [3, 'expected one J'],
    ])
  })

  it('reads ranges and single columns', async () => {
    const content = `n,m\n${Array.from({ length: 5000 }, (_, at) => `${at},${at * 2}`).join('\n')}\n`
    const table = await openTable(file(content), { memory })
    const picked: Row[] = []
    for await (const row of table.rows({ columns: ['m'], offset: 4097, limit: 2 })) picked.push(row)
    expect(picked).toEqual([{ m: '8194' }, { m: '8196' }])
    expect((await table.column('n')).length).toBe(5000)
    expect(Object.keys(await table.toColumns())).toEqual(['n', 'm'])
    await expect(table.column('nn')).rejects.toMatchObject({
      code: 'missing-column',
      message: expect.stringContaining('Did you mean "n"'),
    })
    await table.close()
  })

  it('reads gzip, also in several members', async () => {
    const content = Buffer.concat([gzipSync('a,b\n1,2\n'), gzipSync('3,4\n')])
    expect((await read(content, 'rows.csv.gz')).rows.length).toBe(2)
    expect((await read(gzipSync('a,b\n1,2\n'), 'not-named-gz.csv')).rows).toEqual([{ a: '1', b: '2' }])
  })

  const text = 'name,city\n张三,北京\n李四,上海\n王小明,广州市天河区\n'
  const wide = (content: string, bom: number[], swap: boolean) => {
    const bytes = Buffer.from(content, 'utf16le')
    return Buffer.concat([Buffer.from(bom), swap ? bytes.swap16() : bytes])
  }
  it.each([
    ['UTF-8', Buffer.from(text)],
    ['UTF-8 with a mark', Buffer.from(`\ufeff${text}`)],
    ['UTF-16LE with a mark', wide(text, [0xff, 0xfe], false)],
    ['UTF-16BE with a mark', wide(text, [0xfe, 0xff], true)],
    [
      'GB18030',
      Buffer.from(
        '6e616d652c636974790ad5c5c8fd2cb1b1beA90ac0eecbc42cc9cfbaa30acdf5d0a1c3f72cb9e3d6ddcad0ccecbad3c7f80a'.toLowerCase(),
        'hex',
      ),
    ],
  ])('reads %s', async (_name, bytes) => {
    expect((await read(bytes)).rows).toEqual([
      { name: '张三', city: '北京' },
      { name: '李四', city: '上海' },
      { name: '王小明', city: '广州市天河区' },
    ])
  })

  it.each([
    ['GB18030 in a few characters', 'a,b\n', 'bac3b2bb2cbac3', '好不,好'],
    ['Latin-1', 'name,city\n', '4a6f73e92c4de16c616761', 'José,Málaga'],
    ['Shift_JIS', 'name,city\n', '9363928682b382f12c938c8b9e82d68d7382ab82dc82b7', '田中さん,東京へ行きます'],
    [
      'windows-1251',
      'name,city\n',
      'c8e2e0ed2ccceef1eae2e020f1f2eeebe8f6e020ede0f8e5e920f0eee4e8edfb',
      'Иван,Москва столица нашей родины',
    ],
  ])('guesses %s', async (_name, header, hex, expected) => {
    const { rows } = await read(Buffer.concat([Buffer.from(header), Buffer.from(hex, 'hex'), Buffer.from('\n')]))
    expect(Object.values(rows[0]!).join()).toBe(expected)
  })

  it('reads UTF-16 without a mark, and names the encoding it used', async () => {
    const { rows, table } = await read(wide('name,city\nAnn,Rome\nBob,Oslo\n', [], false))
    expect(rows[1]).toEqual({ name: 'Bob', city: 'Oslo' })
    expect(table.notes).toContain('Read as utf-16le, a guess.')
  })

  it('finds GB18030 where the first bytes beyond ASCII come late', async () => {
    const head = Buffer.from(`name,city\n${'plain,row\n'.repeat(150_000)}`)
    const tail = Buffer.from('d5c5c8fd2cb1b1bea90ac0eecbc42cc9cfbaa30acdf5d0a1c3f72cb9e3d6ddcad0ccecbad3c7f80a', 'hex')
    const { rows } = await read(Buffer.concat([head, tail]))
    expect(rows.at(-1)).toEqual({ name: '王小明', city: '广州市天河区' })
  })

  it('keeps aside single rows with bytes that are no UTF-8', async () => {
    const bytes = Buffer.concat([
      Buffer.from('a,b\n1,é\n2,'),
      Buffer.from([0xff, 0xfe]),
      Buffer.from('\n3,\ufffd fine\n'),
    ])
    const { rows, table } = await read(bytes)
    expect(rows).toEqual([
      { a: '1', b: 'é' },
      { a: '3', b: '\ufffd fine' },
    ])
    expect(table.rejected).toMatchObject([{ line: 3, column: 'b', reason: expect.stringContaining('encoding') }])
  })

  it('reports progress and stops when told', async () => {
    const path = file(`a,b\n${'some,row\n'.repeat(400_000)}`)
    const seen: number[] = []
    const table = await openTable(path, {
      memory,
      onProgress: ({ bytes, totalBytes }) => seen.push(bytes / totalBytes),
    })
    await table.close()
    expect(seen.at(-1)).toBe(1)
    const stop = new AbortController()
    const reading = openTable(path, { memory, signal: stop.signal, onProgress: () => stop.abort() })
    await expect(reading).rejects.toMatchObject({ name: 'AbortError' })
    const reasoned = new AbortController()
    const failing = openTable(path, {
      memory,
      signal: reasoned.signal,
      onProgress: () => reasoned.abort(new Error('time is up')),
    })
    await expect(failing).rejects.toThrow('time is up')
  })
})

describe('openTable refuses', () => {
  const cases: [name: string, code: string, says: RegExp, content: string | Uint8Array, fileName?: string][] = [
    ['an empty file', 'empty-file', /is empty/, ''],
    ['a file of blank lines', 'empty-file', /is empty/, '\n\r\n  \n'],
    ['a mark alone', 'empty-file', /is empty/, '\ufeff'],
    ['an empty gzip', 'empty-file', /is empty/, gzipSync(''), 'rows.csv.gz'],
    ['a header alone', 'no-rows', /header but no rows/, 'a,b\n'],
    ['duplicate names', 'duplicate-column', /two columns named "a" \(1 and 3\)/, 'a,b,a\n1,2,3\n'],
    ['a zip named .csv', 'binary-file', /zip archive or an Excel workbook/, Buffer.from('PK\u0003\u0004rest')],
    [
      'bytes named .csv',
      'binary-file',
      /no text/,
      Buffer.from(Array.from({ length: 4000 }, (_, at) => (at * 37) % 256)),
    ],
    [
      'a truncated gzip',
      'truncated-gzip',
      /truncated/,
      gzipSync(`a,b\n${'1,2\n'.repeat(90_000)}`).subarray(0, 300),
      'rows.csv.gz',
    ],
    ['a damaged gzip', 'corrupt-gzip', /damaged/, damaged(gzipSync('a,b\n1,2\n')), 'rows.csv.gz'],
    ['text named .parquet', 'not-parquet', /does not start with "PAR1"/, 'a,b\n1,2\n', 'rows.parquet'],
    ['a damaged Parquet', 'corrupt-parquet', /truncated or damaged/, 'PAR1 and no more', 'rows.parquet'],
    [
      'a quoted cell of 10 MB',
      'cell-too-large',
      /row 2 \(line 3\), cell 2 holds 10\.0 MB/,
      `a,b\n1,x\n2,"${'y'.repeat(1e7)}"\n`,
    ],
    [
      'a bare cell of 10 MB',
      'cell-too-large',
      /row 1 \(line 2\), cell 1 holds 10\.0 MB/,
      `a,b\n${'y'.repeat(1e7)},2\n`,
    ],
    [
      'a JSON cell of 10 MB',
      'cell-too-large',
      /line 2, column "b" holds 10\.0 MB/,
      `{"b":1}\n{"b":"${'y'.repeat(1e7)}"}\n`,
      'rows.jsonl',
    ],
    [
      'a million columns',
      'too-many-columns',
      /more than 10000 columns/,
      `${Array.from({ length: 1e6 }, (_, at) => `c${at}`).join(',')}\n`,
    ],
    [
      'a million JSON keys',
      'too-many-columns',
      /more than 10000 columns/,
      `{${Array.from({ length: 1e6 }, (_, at) => `"c${at}":1`).join(',')}}\n`,
      'rows.jsonl',
    ],
    ['a header with an open quote', 'bad-header', /line 1: the header cannot be read: a quote opens/, '"a,b\n1,2\n'],
    [
      'rows that are all faulty',
      'no-valid-rows',
      /no row that can be read \(2 kept aside\).*line 2: too many cells/,
      'a\n1,2\n3,4\n',
    ],
  ]
  it.each(cases)('%s', async (_name, code, says, content, fileName) => {
    const started = performance.now()
    await expect(openTable(file(content, fileName))).rejects.toMatchObject({
      name: 'VolantError',
      code,
      message: expect.stringMatching(says),
    })
    expect(performance.now() - started).toBeLessThan(20_000)
  })

  it('a folder, a missing file, an unknown encoding and a bad delimiter', async () => {
    await expect(openTable(folder)).rejects.toMatchObject({ code: 'is-a-folder' })
    if (process.platform !== 'win32') await expect(openTable('/dev/null')).rejects.toMatchObject({ code: 'not-a-file' })
    await expect(openTable(join(folder, 'none.csv'))).rejects.toMatchObject({ code: 'file-not-found' })
    await expect(openTable(file('a\n1\n'), { encoding: 'klingon' })).rejects.toMatchObject({ code: 'unknown-encoding' })
    await expect(openTable(file('a\n1\n'), { delimiter: '::' })).rejects.toMatchObject({ code: 'bad-delimiter' })
  })

  it.skipIf(process.platform === 'win32')('a file without permission', () => {
    const path = file('a,b\n1,2\n')
    const script = `import { openTable } from ${JSON.stringify(new URL('../../dist/index.js', import.meta.url).href)}
      if (process.getuid() === 0) { process.setgid(65534); process.setuid(65534) }
      try { await openTable(${JSON.stringify(path)}) } catch (error) { console.log(error.code) }`
    const said = execFileSync(process.execPath, ['--input-type=module', '-e', script], {
      encoding: 'utf8',
      env: lockedEnvironment(path),
    })
    expect(said.trim()).toBe('no-permission')
  })

  it('leaves no temporary folder behind when an import fails', async () => {
    const parent = mkdtempSync(join(folder, 'tmp-'))
    const before = process.env['TMPDIR']
    process.env['TMPDIR'] = parent
    try {
      const content = `a,b\n${'1,2\n'.repeat(400_000)}3,"${'y'.repeat(6e6)}"\n`
      await expect(openTable(file(content), { memory: 0 })).rejects.toMatchObject({ code: 'cell-too-large' })
      expect(existsSync(parent) && execFileSync('ls', [parent], { encoding: 'utf8' })).toBe('')
    } finally {
      if (before === undefined) delete process.env['TMPDIR']
      else process.env['TMPDIR'] = before
    }
  })
})

function damaged(bytes: Uint8Array): Uint8Array {
  const copy = Uint8Array.from(bytes)
  copy[12]! ^= 0xff
  return copy
}

/** Takes the reading right away for everybody. */
function lockedEnvironment(path: string): NodeJS.ProcessEnv {
  execFileSync('chmod', ['000', path])
  return process.env
}
