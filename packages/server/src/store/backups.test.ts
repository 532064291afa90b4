import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { sql } from 'kysely'
import { afterAll, expect, it } from 'vitest'
import { insertMany } from './batch.js'
import { emptyPglite } from './databases.testing.js'
import { Journal, type JournalKind, journalMigrations } from './journal/index.js'
import { openStore } from './store.js'

declare module './tables.js' {
  interface Tables {
    test_kept: { id: string }
  }
}

const folder = mkdtempSync(path.join(os.tmpdir(), 'volant-backup-'))
afterAll(() => rmSync(folder, { recursive: true }))

const table = {
  name: '9001-test-kept',
  up: async (db: never) => void (await sql`create table test_kept (id text primary key)`.execute(db)),
}
const kinds: Record<string, JournalKind> = {
  kept: {
    durable: true,
    insert: async (trx, records) =>
      void (await insertMany(trx, 'test_kept', { id: 'text' }, records, { onConflict: 'id' })),
  },
}
async function open() {
  const store = await openStore({ dataFolder: folder, migrations: [...journalMigrations, table], backups: { keep: 2 } })
  return { store, journal: await Journal.open({ store, kinds, segmentBytes: 300 }) }
}

it('a broken database is restored from its newest backup and the journal brings back what came after', async () => {
  cpSync(await emptyPglite(), path.join(folder, 'database'), { recursive: true })
  const { store, journal } = await open()
  const add = async (id: string) => {
    await journal.append([{ kind: 'kept', record: { id, filling: 'x'.repeat(200) } }])
    await journal.flush()
  }
  const backups = () => readdirSync(path.join(folder, 'backups'))
  for (let i = 0; i < 5; i++) await add(`before-${i}`)
  for (let i = 0; i < 3; i++) expect((await store.backups!.now()).bytes).toBeGreaterThan(1_000_000)
  expect(backups()).toHaveLength(2)
  // Files whose lines the backup has are gone, the later ones stay although the database has them.
  for (let i = 0; i < 5; i++) await add(`after-${i}`)
  await journal.close()
  await store.close()
  expect(readdirSync(path.join(folder, 'journal')).length).toBeGreaterThanOrEqual(3)

  writeFileSync(path.join(folder, 'database', 'global', 'pg_control'), 'broken by a power cut')
  await expect(open()).rejects.toMatchObject({ code: 'database-broken' })
  // As docs/operations.md tells it.
  renameSync(path.join(folder, 'database'), path.join(folder, 'database.broken'))
  mkdirSync(path.join(folder, 'database'))
  const newest = path.join(folder, 'backups', backups().sort().at(-1)!)
  execFileSync('tar', ['-xzf', newest, '-C', path.join(folder, 'database')], { stdio: 'ignore' })

  const again = await open()
  const ids = (await again.store.db.selectFrom('test_kept').select('id').orderBy('id').execute()).map(({ id }) => id)
  const five = (name: string) => Array.from({ length: 5 }, (_, n) => `${name}-${n}`)
  expect(ids).toEqual([...five('after'), ...five('before')])
  await again.journal.close()
  await again.store.close()
})
