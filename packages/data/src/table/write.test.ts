import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { afterAll, describe, expect, it } from 'vitest'
import { openTable } from '../import/open.js'
import { randomStream } from '../prepare/random.js'
import type { Row } from './table.js'
import { writeRows } from './write.js'

const folder = mkdtempSync(join(tmpdir(), 'volant-test-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const pieces = [
  'a',
  '7',
  ' ',
  '"',
  '""',
  ',',
  ';',
  '\t',
  '|',
  '\n',
  '\r\n',
  '\r',
  'é',
  '汉字',
  '😀',
  '\ufeff',
  '\u2028',
  '\u00a0',
  "'",
  '\\',
  '\\n',
  'null',
  '#',
  '\u200d',
  'ß',
  '\u0301',
]

function randomRows(seed: number): { names: string[]; rows: Row[] } {
  const random = randomStream(seed)
  const below = (count: number) => Math.floor(random() * count)
  const names = Array.from({ length: 1 + below(5) }, (_, at) => `${at}${pieces[below(pieces.length)]}x`)
  const cell = () => Array.from({ length: below(7) }, () => pieces[below(pieces.length)]).join('') || null
  const rows = Array.from({ length: 1 + below(40) }, () => Object.fromEntries(names.map((name) => [name, cell()])))
  return { names, rows }
}

describe('writeRows', () => {
  const first = Number(process.env['SEED'] ?? Date.now() % 1e6)
  it.each(['rows.csv', 'rows.tsv', 'rows.jsonl', 'rows.csv.gz'])(
    `%s is read back as it was (seeds from ${first}; SEED=… repeats)`,
    async (name) => {
      for (let seed = first; seed < first + 60; seed++) {
        const { names, rows } = randomRows(seed)
        const path = join(folder, name)
        expect(await writeRows(path, rows, { columns: names })).toBe(rows.length)
        const table = await openTable(path, {
          delimiter: name === 'rows.tsv' ? '\t' : ',',
          memory: seed % 2 === 0 ? 0 : 1e9,
        })
        const back: Row[] = []
        for await (const row of table.rows()) back.push(row)
        await table.close()
        expect({ seed, rejected: table.rejected, names: table.columns.map((column) => column.name), back }).toEqual({
          seed,
          rejected: [],
          names,
          back: rows,
        })
      }
    },
  )

  it('writes null as an empty cell and quotes only where needed', async () => {
    const path = join(folder, 'plain.csv')
    await writeRows(path, [
      { a: 'x', b: null, c: 1.5, d: true },
      { a: 'say "hi", ok', b: ' y', c: null, d: false },
    ])
    expect(readFileSync(path, 'utf8')).toBe('a,b,c,d\nx,,1.5,true\n"say ""hi"", ok"," y",,false\n')
    await writeRows(join(folder, 'plain.jsonl.gz'), [{ a: 'é' }])
    expect(gunzipSync(readFileSync(join(folder, 'plain.jsonl.gz'))).toString()).toBe('{"a":"é"}\n')
  })

  it('leaves the old file and no temporary one when the rows fail', async () => {
    const home = join(folder, 'failing')
    mkdirSync(home)
    const path = join(home, 'rows.csv')
    await writeRows(path, [{ a: 'old' }])
    async function* failing(): AsyncGenerator<Row> {
      for (let at = 0; at < 100_000; at++) yield { a: `new ${at}` }
      throw new Error('the source broke')
    }
    await expect(writeRows(path, failing())).rejects.toMatchObject({
      code: 'write-failed',
      message: expect.stringContaining('the source broke'),
    })
    expect(readdirSync(home)).toEqual(['rows.csv'])
    expect(readFileSync(path, 'utf8')).toBe('a\nold\n')
  })

  it('refuses unknown names and rows without columns', async () => {
    await expect(writeRows(join(folder, 'rows.xlsx'), [])).rejects.toMatchObject({ code: 'unknown-format' })
    await expect(writeRows(join(folder, 'none.csv'), [])).rejects.toMatchObject({ code: 'no-columns' })
  })

  const mounts = spawnSync('unshare', ['-rm', 'true']).status === 0
  it.skipIf(!mounts)(
    'says that the disk is full and leaves nothing (skipped where no small disk can be mounted)',
    () => {
      const disk = join(folder, 'disk')
      mkdirSync(disk)
      const script = `import { openTable, writeRows } from ${JSON.stringify(new URL('../../dist/index.js', import.meta.url).href)}
      import { readdirSync } from 'node:fs'
      const rows = Array.from({ length: 50000 }, (_, at) => ({ a: 'row ' + at }))
      await writeRows('${disk}/rows.csv', rows).catch((error) => console.log(error.code))
      process.env.TMPDIR = '${disk}'
      await openTable('${join(folder, 'big.csv')}', { memory: 0 }).catch((error) => console.log(error.code))
      console.log(JSON.stringify(readdirSync('${disk}')))`
      return writeRows(
        join(folder, 'big.csv'),
        Array.from({ length: 200_000 }, (_, at) => ({ a: `a longer row ${at * 7919}`, b: at })),
      ).then(() => {
        const command = `mount -t tmpfs -o size=300k tmpfs ${disk} && exec "$0" --input-type=module -e "$1"`
        const said = execFileSync('unshare', ['-rm', 'sh', '-c', command, process.execPath, script], {
          encoding: 'utf8',
        })
        expect(said.trim().split('\n')).toEqual(['disk-full', 'disk-full', '[]'])
      })
    },
  )
})
