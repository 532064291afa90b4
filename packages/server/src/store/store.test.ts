import { sql } from 'kysely'
import { beforeAll, describe, expect, it } from 'vitest'
import { insertMany, json } from './batch.js'
import { isCode } from './database.js'
import { onEachDatabase } from './databases.testing.js'
import type { Migration } from './migrations.js'
import { openStore, type Store } from './store.js'

declare module './tables.js' {
  interface Tables {
    test_rows: {
      id: string
      count: string | null
      data: unknown
      at: Date | null
      ok: boolean | null
      bytes: Uint8Array | null
      share: number | null
    }
  }
}

const rows: Migration = {
  name: '9001-test-rows',
  up: async (db) => {
    await sql`create table test_rows (id text primary key, count bigint, data jsonb, at timestamptz, ok boolean, bytes bytea, share float8)`.execute(
      db,
    )
  },
}

const columns = {
  id: 'text',
  count: 'int8',
  data: 'jsonb',
  at: 'timestamptz',
  ok: 'boolean',
  bytes: 'bytea',
  share: 'float8',
} as const

onEachDatabase((database) => {
  let store: Store
  beforeAll(async () => {
    store = await database.store({ migrations: [rows], lockTimeoutMs: 500 })
  })

  describe('rows', () => {
    const at = new Date('2026-03-01T12:00:00.123Z')

    it('gives every type back the same way', async () => {
      const data = { text: 'a "quoted" \\ line\nwith 北京 and 🙂', list: [1, null, { x: true }] }
      const row = {
        id: 'types',
        count: '9007199254740993',
        data,
        at,
        ok: true,
        bytes: new Uint8Array([0, 255, 10]),
        share: 0.1,
      }
      expect(await insertMany(store.db, 'test_rows', columns, [row, { id: 'nulls' }])).toBe(2)
      const back = await store.db
        .selectFrom('test_rows')
        .selectAll()
        .where('id', '=', 'types')
        .executeTakeFirstOrThrow()
      expect({ ...back, bytes: new Uint8Array(back.bytes!) }).toEqual(row)
      const nulls = await store.db
        .selectFrom('test_rows')
        .selectAll()
        .where('id', '=', 'nulls')
        .executeTakeFirstOrThrow()
      expect(nulls).toEqual({ id: 'nulls', count: null, data: null, at: null, ok: null, bytes: null, share: null })
      const { rows: sums } = await sql<{
        n: string
      }>`select count(*) as n from test_rows where id in ('types', 'nulls')`.execute(store.db)
      expect(sums[0]!.n).toBe('2')
    })

    it('stores text that PostgreSQL refuses as the replacement character', async () => {
      const row = { id: 'bad\0text', data: { 'k\0': ['\0', '\ud800', 'literal \\u0000'] } }
      await insertMany(store.db, 'test_rows', columns, [row])
      const back = await store.db
        .selectFrom('test_rows')
        .selectAll()
        .where('id', '=', 'bad\uFFFDtext')
        .executeTakeFirstOrThrow()
      expect(back.data).toEqual({ 'k\uFFFD': ['\uFFFD', '\uFFFD', 'literal \\u0000'] })
    })

    it('leaves rows alone that are there already', async () => {
      await insertMany(store.db, 'test_rows', columns, [{ id: 'twice', count: 1 }])
      const again = [
        { id: 'twice', count: 2 },
        { id: 'once', count: 2 },
      ]
      expect(await insertMany(store.db, 'test_rows', columns, again, { onConflict: 'id' })).toBe(1)
      const { count } = await store.db
        .selectFrom('test_rows')
        .select('count')
        .where('id', '=', 'twice')
        .executeTakeFirstOrThrow()
      expect(count).toBe('1')
    })

    it('tells a broken rule by its code', async () => {
      await insertMany(store.db, 'test_rows', columns, [{ id: 'unique' }])
      const again = store.db
        .insertInto('test_rows')
        .values({ id: 'unique', data: json({ a: 1 }), count: null, at: null, ok: null, bytes: null, share: null })
      const error = await again.execute().catch((caught: unknown) => caught)
      expect(isCode(error, '23505')).toBe(true)
      expect((error as { constraint?: string }).constraint).toBe('test_rows_pkey')
    })

    it('counts changed rows', async () => {
      await insertMany(store.db, 'test_rows', columns, [{ id: 'change-1' }, { id: 'change-2' }])
      const result = await store.db
        .updateTable('test_rows')
        .set({ ok: false })
        .where('id', 'like', 'change-%')
        .executeTakeFirst()
      expect(result.numUpdatedRows).toBe(2n)
    })
  })

  describe('transactions', () => {
    const add = (id: string) =>
      store.db
        .insertInto('test_rows')
        .values({ id, data: null, count: null, at: null, ok: null, bytes: null, share: null })
    const ids = async (like: string) =>
      (await store.db.selectFrom('test_rows').select('id').where('id', 'like', like).orderBy('id').execute()).map(
        ({ id }) => id,
      )

    it('keep what others write at the same moment out of their rollback', async () => {
      const inside = store.db.transaction().execute(async (trx) => {
        await trx
          .insertInto('test_rows')
          .values({ id: 'roll-inside', data: null, count: null, at: null, ok: null, bytes: null, share: null })
          .execute()
        await new Promise((resolve) => setTimeout(resolve, 50))
        throw new Error('undo')
      })
      const outside = add('roll-outside').execute()
      await expect(inside).rejects.toThrow('undo')
      await outside
      expect(await ids('roll-%')).toEqual(['roll-outside'])
    })

    it('leave the connection usable after a failed statement', async () => {
      const failing = store.db.transaction().execute(async (trx) => {
        await sql`select 1 / 0`.execute(trx)
      })
      await expect(failing).rejects.toThrow('division by zero')
      await add('after-failure').execute()
      expect(await ids('after-failure')).toEqual(['after-failure'])
    })

    it.skipIf(database.kind === 'postgres')('refuse the outer database inside, by name, after a timeout', async () => {
      const wrong = store.db.transaction().execute(async () => await add('outer').execute())
      await expect(wrong).rejects.toMatchObject({ code: 'store-busy', message: expect.stringContaining('begin') })
      await add('outer-later').execute()
      expect(await ids('outer%')).toEqual(['outer-later'])
    })
  })

  describe('schema', () => {
    it('is kept, refuses a newer one by name, and changes nothing when a step fails', async () => {
      const place = await database.fresh()
      const open = (migrations: Migration[]) => openStore({ ...place, migrations, backups: false })
      await (await open([rows])).close()
      const later: Migration = {
        name: '9002-later',
        up: async (db) => void (await sql`alter table test_rows add column extra text`.execute(db)),
      }
      const failing: Migration = {
        name: '9003-fails',
        up: async (db) => void (await sql`alter table nothing add column extra text`.execute(db)),
      }
      await expect(open([rows, later, failing])).rejects.toMatchObject({
        code: 'migration-failed',
        details: { step: '9003-fails' },
      })
      await (await open([rows, later])).close()
      await expect(open([rows])).rejects.toMatchObject({
        code: 'newer-data-folder',
        details: { steps: ['9002-later'] },
      })
      await (await open([rows, later])).close()
    })
  })
})
