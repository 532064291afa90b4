import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { newId } from './ids.js'
import { Lock } from './lock.js'
import { openStore } from './store.js'

const folder = mkdtempSync(path.join(os.tmpdir(), 'volant-folder-'))
afterAll(() => rmSync(folder, { recursive: true }))

describe('a data folder', () => {
  const says = (text: string) => writeFileSync(path.join(folder, 'volant.json'), text)
  const open = (dataFolder = folder) => openStore({ dataFolder, migrations: [] })

  it('of a newer version is refused by name', async () => {
    says('{"format": 2, "id": "x"}')
    await expect(open()).rejects.toMatchObject({ code: 'newer-data-folder', details: { folder, format: 2 } })
  })

  it('that is not ours, or a file, is refused', async () => {
    says('{"name": "another program"}')
    await expect(open()).rejects.toThrow(
      `"${folder}/volant.json" should say {"format": …, "id": …} but says "{\\"name\\"`,
    )
    await expect(open(path.join(folder, 'volant.json'))).rejects.toMatchObject({ code: 'bad-data-folder' })
    await expect(open(path.join(folder, 'volant.json', 'below'))).rejects.toMatchObject({ code: 'bad-data-folder' })
  })

  it('is free again after a refusal, and refused when the server cannot be reached, without its password', async () => {
    says('{"format": 1, "id": "x"}')
    const away = openStore({ dataFolder: folder, databaseUrl: 'postgres://user:secret@127.0.0.1:1/db', migrations: [] })
    await expect(away).rejects.toThrow(
      /^The database at postgres:\/\/127\.0\.0\.1:1\/db \(DATABASE_URL\) cannot be used: /,
    )
    await expect(
      openStore({ dataFolder: folder, databaseUrl: 'postgres://user:secret@127.0.0.1:1/db', migrations: [] }),
    ).rejects.not.toThrow(/secret/)
    expect(readFileSync(path.join(folder, 'volant.json'), 'utf8')).toContain('"id": "x"')
  })
})

describe('the lock', () => {
  it('is given in the order it was asked for', async () => {
    const lock = new Lock()
    const order: number[] = []
    await Promise.all(Array.from({ length: 20 }, (_, n) => lock.with(`${n}`, async () => void order.push(n))))
    expect(order).toEqual(Array.from({ length: 20 }, (_, n) => n))
  })

  it('is not given to one who has given up, and says who holds it', async () => {
    const lock = new Lock(30)
    const release = await lock.take('a long report')
    await expect(lock.take('a short question')).rejects.toThrow(
      'did not take "a short question" within 0.03 s: "a long report" has held it',
    )
    const next = lock.take('another')
    release()
    release()
    ;(await next)()
    await lock.with('free again', async () => {})
  })
})

it('ids are unique and sort by time', () => {
  const ids = Array.from({ length: 10_000 }, () => newId())
  expect(new Set(ids).size).toBe(10_000)
  expect(newId(1000) < newId(1001)).toBe(true)
  expect(newId(Date.UTC(2026, 0))).toMatch(/^[0-9a-hjkmnp-tv-z]{26}$/)
})
