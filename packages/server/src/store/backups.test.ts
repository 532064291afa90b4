import { appendFileSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { sql } from 'kysely'
import { afterAll, expect, it } from 'vitest'
import { restoreBackup } from './backups.js'
import { insertMany } from './batch.js'
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
  const { file, aside } = await restoreBackup(folder)
  expect(file).toBe(path.join(folder, 'backups', backups().at(-1)!))
  expect(readdirSync(folder)).toContain(path.basename(aside!))

  const again = await open()
  const ids = (await again.store.db.selectFrom('test_kept').select('id').orderBy('id').execute()).map(({ id }) => id)
  expect(ids).toEqual([
    'after-0',
    'after-1',
    'after-2',
    'after-3',
    'after-4',
    'before-0',
    'before-1',
    'before-2',
    'before-3',
    'before-4',
  ])
  await expect(restoreBackup(folder)).rejects.toMatchObject({ code: 'data-folder-in-use' })
  await again.journal.close()
  await again.store.close()

  const damaged = path.join(folder, 'backups', 'database-2999.tar.gz')
  appendFileSync(damaged, 'no backup at all')
  await expect(restoreBackup(folder)).rejects.toMatchObject({ code: 'bad-backup', details: { file: damaged } })
  const last = await open()
  await last.journal.close()
  await last.store.close()
})
