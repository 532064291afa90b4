import { execFileSync, spawnSync } from 'node:child_process'
import { appendFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import type { Row } from '../table/table.js'
import { listDatasetVersions } from './manifest.js'
import type { DatasetRow } from './row.js'
import { readDatasetVersion, writeDatasetVersion } from './versions.js'

const home = mkdtempSync(join(tmpdir(), 'volant-test-'))
afterAll(() => rmSync(home, { recursive: true, force: true }))
let folders = 0
const fresh = () => join(home, `set-${folders++}`)

const meta = { source: 'tickets.csv', time: '2026-01-02T03:04:05.000Z' }
const tagged = (rows: Row[], more = {}): DatasetRow[] => rows.map((row) => ({ row, meta: { ...meta, ...more } }))

async function contents(folder: string, id: string): Promise<{ rows: Row[]; origins: Row[] }> {
  const open = await readDatasetVersion(folder, id)
  const rows: Row[] = []
  const origins: Row[] = []
  for await (const row of open.table.rows()) rows.push(row)
  for await (const row of open.origins.rows()) origins.push(row)
  await open.close()
  return { rows, origins }
}

const awkward: Row[] = [
  {
    text: '\ufeffmark',
    Case: 'A',
    case: 'b',
    mixed: 1,
    _source: 'mine',
    n: 0.1,
    flag: true,
    none: null,
    'x "y", z': 's',
  },
  {
    text: '007',
    Case: null,
    case: 's',
    mixed: '1',
    _source: null,
    n: -1e300,
    flag: false,
    none: null,
    'x "y", z': '{}',
  },
  {
    text: '汉字 😀\r\n"q"',
    Case: 'A',
    case: 'true',
    mixed: true,
    _source: 'x',
    n: null,
    flag: null,
    none: null,
    'x "y", z': null,
  },
]

describe('dataset versions', () => {
  it('give back every cell as it was written, with its origin', async () => {
    const folder = fresh()
    const version = await writeDatasetVersion(folder, tagged(awkward, { subject: 'anna', consent: 'train' }))
    const { rows, origins } = await contents(folder, version.id)
    expect(rows).toEqual(awkward)
    expect(version).toMatchObject({ parent: null, rows: 3, columns: Object.keys(awkward[0]!) })
    expect(origins[0]).toMatchObject({
      ...meta,
      subject: 'anna',
      consent: 'train',
      hash: expect.stringMatching(/^[0-9a-f]{64}$/),
    })
  })

  it('have the id of their content: order of keys and cutting into parts do not matter, content and order do', async () => {
    const [one, two, other] = [fresh(), fresh(), fresh()]
    const rows = tagged(Array.from({ length: 20_000 }, (_, at) => ({ a: `text ${at}`, b: at })))
    const whole = await writeDatasetVersion(one, rows)
    const turned = await writeDatasetVersion(
      other,
      rows.map(({ row }) => ({ row: { a: row['a']!, b: row['b']! }, meta })),
    )
    const first = await writeDatasetVersion(two, rows.slice(0, 7000))
    const grown = await writeDatasetVersion(two, rows.slice(7000), { parent: first.id })
    expect(turned.id).toBe(whole.id)
    expect(grown.id).toBe(whole.id)
    expect(grown).toMatchObject({ parent: first.id, rows: 20_000, parts: [first.parts[0], { rows: 13_000 }] })
    const { rows: back } = await contents(two, grown.id)
    expect(back).toEqual(rows.map(({ row }) => row))
    const changed = await writeDatasetVersion(one, [...rows.slice(1), rows[0]!])
    expect(changed.id).not.toBe(whole.id)
  })

  it('keep the parent as it was, and take up new columns and other kinds', async () => {
    const folder = fresh()
    const first = await writeDatasetVersion(folder, tagged([{ a: 1, b: 'x' }]))
    const second = await writeDatasetVersion(folder, tagged([{ a: 'one', c: true }]), { parent: first.id })
    expect((await contents(folder, first.id)).rows).toEqual([{ a: 1, b: 'x' }])
    expect((await contents(folder, second.id)).rows).toEqual([
      { a: 1, b: 'x', c: null },
      { a: 'one', b: null, c: true },
    ])
    expect((await listDatasetVersions(folder)).map(({ id }) => id)).toEqual([first.id, second.id])
  })

  it('are written once', async () => {
    const folder = fresh()
    const first = await writeDatasetVersion(folder, tagged([{ a: 1 }]))
    const again = await writeDatasetVersion(folder, tagged([{ a: 1 }]))
    expect(again).toEqual(first)
    expect(readdirSync(join(folder, 'parts'))).toHaveLength(1)
  })

  it('refuse unknown ids, no rows, values that are no cells, and rows without an origin', async () => {
    const folder = fresh()
    await expect(readDatasetVersion(folder, 'f'.repeat(64))).rejects.toMatchObject({ code: 'unknown-version' })
    await expect(readDatasetVersion(folder, '../secret')).rejects.toMatchObject({ code: 'unknown-version' })
    await expect(writeDatasetVersion(folder, [])).rejects.toMatchObject({ code: 'no-rows' })
    await expect(writeDatasetVersion(folder, tagged([{ a: Number.POSITIVE_INFINITY }]))).rejects.toMatchObject({
      code: 'bad-cell',
    })
    await expect(writeDatasetVersion(folder, tagged([{ a: 1 }], { time: 'yesterday' }))).rejects.toMatchObject({
      code: 'bad-row',
    })
    expect(await listDatasetVersions(folder)).toEqual([])
  })

  it('notice a part that changed or went', async () => {
    const folder = fresh()
    const { id, parts } = await writeDatasetVersion(folder, tagged([{ a: 1 }]))
    const path = join(folder, 'parts', `${parts[0]!.sha256}.parquet`)
    appendFileSync(path, 'x')
    await expect(readDatasetVersion(folder, id)).rejects.toMatchObject({
      code: 'corrupt-version',
      message: expect.stringContaining('changed'),
    })
    rmSync(path)
    await expect(readDatasetVersion(folder, id)).rejects.toMatchObject({
      code: 'corrupt-version',
      message: expect.stringContaining('cannot be read'),
    })
  })

  const mounts = spawnSync('unshare', ['-rm', 'true']).status === 0
  it.skipIf(!mounts)('leave nothing behind on a full disk (skipped where no small disk can be mounted)', () => {
    const disk = fresh()
    mkdirSync(disk)
    const script = `import { writeDatasetVersion } from ${JSON.stringify(new URL('../../dist/index.js', import.meta.url).href)}
      import { readdirSync } from 'node:fs'
      const meta = { source: 'a', time: '2026-01-01T00:00:00Z' }
      const rows = Array.from({ length: 50000 }, (_, at) => ({ row: { a: 'row ' + at * 7919 }, meta }))
      await writeDatasetVersion('${disk}', rows).catch((error) => console.log(error.code))
      console.log(JSON.stringify(readdirSync('${disk}', { recursive: true })))`
    const command = `mount -t tmpfs -o size=300k tmpfs ${disk} && exec "$0" --input-type=module -e "$1"`
    const said = execFileSync('unshare', ['-rm', 'sh', '-c', command, process.execPath, script], { encoding: 'utf8' })
    expect(said.trim().split('\n')).toEqual(['disk-full', '["parts"]'])
  })
})
