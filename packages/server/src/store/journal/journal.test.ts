import { appendFileSync, readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { sql } from 'kysely'
import { beforeAll, describe, expect, it } from 'vitest'
import { insertMany } from '../batch.js'
import { onEachDatabase } from '../databases.testing.js'
import type { Store } from '../store.js'
import type { JournalKind } from './consumer.js'
import { Journal, type JournalOptions } from './journal.js'
import { encodeLine } from './lines.js'
import { journalMigrations } from './schema.js'

declare module '../tables.js' {
  interface Tables {
    test_notes: { id: string; text: string | null; kind: string; n: number | null }
  }
}

const notes = {
  name: '9001-test-notes',
  up: async (db: Parameters<(typeof journalMigrations)[0]['up']>[0]) => {
    await sql`create table test_notes (id text primary key, kind text not null, text text check (text <> 'refused'), n int4)`.execute(
      db,
    )
  },
}

const noteKind = (kind: string, durable: boolean): JournalKind => ({
  durable,
  insert: async (trx, records) => {
    const rows = records.map((record) => ({ ...record, kind }))
    await insertMany(trx, 'test_notes', { id: 'text', kind: 'text', text: 'text', n: 'int4' }, rows, {
      onConflict: 'id',
    })
  },
})
const kinds = { soft: noteKind('soft', false), hard: noteKind('hard', true) }
const note = (id: string, text: string | null = 'x', kind: 'soft' | 'hard' = 'hard') => ({ kind, record: { id, text } })

onEachDatabase((database) => {
  let store: Store
  beforeAll(async () => {
    store = await database.store({ migrations: [...journalMigrations, notes] })
  })
  const open = (options: Partial<JournalOptions> = {}) => Journal.open({ store, kinds, ...options })
  const found = async (like: string) =>
    (await store.db.selectFrom('test_notes').select('id').where('id', 'like', like).orderBy('id').execute()).map(
      ({ id }) => id,
    )
  const folder = () => path.join(store.folder, 'journal')
  const files = () => readdirSync(folder()).sort()
  const newest = () => path.join(folder(), files().at(-1)!)

  it('finds what was acknowledged, before and after it is in the database', async () => {
    const journal = await open()
    const records = Array.from({ length: 2500 }, (_, n) => note(`find-${n}`, `text ${n}`, n % 2 ? 'hard' : 'soft'))
    const answers = await Promise.all(records.map((entry) => journal.append([entry])))
    expect(answers.flat().every(({ duplicate }) => !duplicate)).toBe(true)
    const waiting = journal.waiting('hard').length
    expect(waiting).toBeGreaterThan(0)
    for (const { kind, record } of records.slice(-waiting)) {
      const inDatabase = (await found(record.id)).length > 0
      expect(inDatabase || journal.find(kind, record.id) !== undefined).toBe(true)
    }
    await journal.flush()
    expect(journal.find('hard', 'find-1')).toBeUndefined()
    expect(await found('find-%')).toHaveLength(2500)
    expect(journal.stats()).toEqual({ waiting: 0, waitingBytes: 0, rejected: 0, lastError: undefined })
    await journal.close()
  })

  it('writes an id once while it waits, and tells', async () => {
    const journal = await open()
    const first = journal.append([note('twice', 'first')])
    const second = journal.append([note('twice', 'second'), note('twice-other')])
    const same = journal.append([note('same', 'one'), note('same', 'two')])
    expect(await first).toEqual([{ duplicate: false, record: { id: 'twice', text: 'first' } }])
    expect(await second).toEqual([
      { duplicate: true, record: { id: 'twice', text: 'first' } },
      { duplicate: false, record: { id: 'twice-other', text: 'x' } },
    ])
    expect((await same).map(({ duplicate }) => duplicate)).toEqual([false, true])
    await journal.close()
    const { text } = await store.db
      .selectFrom('test_notes')
      .select('text')
      .where('id', '=', 'twice')
      .executeTakeFirstOrThrow()
    expect(text).toBe('first')
    await expect(journal.append([note('late')])).rejects.toMatchObject({ code: 'journal-closed' })
  })

  it('sets aside what the database refuses and goes on', async () => {
    const journal = await open()
    await journal.append([note('good-1'), note('bad-1', 'refused'), note('good-2')])
    await Promise.all([
      journal.append([note('good-3')]),
      journal.append([note('bad-2', 'refused')]),
      journal.append([note('good-4', 'a\0b')]),
    ])
    await journal.flush()
    expect(await found('good-%')).toEqual(['good-1', 'good-2', 'good-3', 'good-4'])
    expect(journal.stats().rejected).toBe(2)
    const rejected = await store.db.selectFrom('journal_rejected').selectAll().where('kind', '=', 'hard').execute()
    expect(rejected.map(({ record }) => JSON.parse(record).id)).toEqual(['bad-1', 'bad-2'])
    expect(rejected[0]!.reason).toContain('test_notes_text_check')
    await journal.close()
  })

  it('inserts at the next start what was left, once', async () => {
    const journal = await open()
    await journal.append([note('left-1')])
    await journal.close()
    const offset = await store.db.selectFrom('journal_offsets').selectAll().executeTakeFirstOrThrow()
    // As a server leaves it that was killed after it acknowledged, before it inserted.
    appendFileSync(
      newest(),
      Buffer.concat([encodeLine([note('left-2'), note('left-3')]), encodeLine([note('left-1', 'again')])]),
    )
    const again = await open()
    expect(await found('left-%')).toEqual(['left-1', 'left-2', 'left-3'])
    await again.close()
    const after = await store.db.selectFrom('journal_offsets').selectAll().executeTakeFirstOrThrow()
    expect(Number(after.segment)).toBe(Number(offset.segment) + 1)
    expect(files()).toHaveLength(1)
  })

  it('cuts an unfinished line off, wherever it broke', async () => {
    const line = encodeLine([note('torn-lost')])
    for (const length of [1, 5, 12, line.length - 1]) {
      const journal = await open()
      await journal.append([note(`torn-${length}`)])
      await journal.close()
      appendFileSync(newest(), Buffer.concat([encodeLine([note(`torn-kept-${length}`)]), line.subarray(0, length)]))
      const warned: string[] = []
      const log = { info: () => {}, error: () => {}, warn: (_: object, message: string) => void warned.push(message) }
      await (await open({ log })).close()
      expect(warned).toEqual(['cut an unfinished line off the journal'])
    }
    expect(await found('torn-%')).toHaveLength(8)
    expect(await found('torn-lost')).toEqual([])
  })

  it('keeps what follows a damaged line, and the damaged line itself', async () => {
    const journal = await open()
    await journal.close()
    const damaged = encodeLine([note('damaged-2')])
    damaged[20]! ^= 4
    appendFileSync(newest(), Buffer.concat([encodeLine([note('damaged-1')]), damaged, encodeLine([note('damaged-3')])]))
    await (await open()).close()
    expect(await found('damaged-%')).toEqual(['damaged-1', 'damaged-3'])
    const kept = await store.db.selectFrom('journal_rejected').selectAll().where('kind', '=', 'damaged').execute()
    expect(kept.map(({ record }) => record)).toEqual([damaged.subarray(0, -1).toString('latin1')])
  })

  it('does not read again what the disk lost after it was inserted', async () => {
    const journal = await open()
    await journal.append([note('short-1')])
    await journal.close()
    truncateSync(newest(), 3)
    const again = await open()
    await again.append([note('short-2')])
    await again.close()
    expect(await found('short-%')).toEqual(['short-1', 'short-2'])
  })

  it('goes on in new files and removes those the database has', async () => {
    const journal = await open({ segmentBytes: 2000 })
    for (let i = 0; i < 50; i++) await journal.append([note(`file-${i}`, 'x'.repeat(200))])
    await journal.flush()
    await journal.close()
    expect(await found('file-%')).toHaveLength(50)
    expect(files()).toHaveLength(1)
    expect(statSync(newest()).size).toBeLessThan(2500)
  })

  it('holds records while the database takes none, then refuses, then catches up in order', async () => {
    let away = true
    const order: string[] = []
    const kind: JournalKind = {
      durable: true,
      insert: async (_trx, records) => {
        if (away) throw Object.assign(new Error('connection refused'), { code: 'ECONNREFUSED' })
        order.push(...records.map(({ id }) => id))
      },
    }
    const journal = await Journal.open({ store, kinds: { flaky: kind }, waitingBytes: 3000 })
    const append = (id: string) => journal.append([{ kind: 'flaky', record: { id, text: 'x'.repeat(500) } }])
    for (let i = 0; i < 6; i++) await append(`away-${i}`)
    await new Promise((resolve) => setTimeout(resolve, 100))
    await expect(append('away-6')).rejects.toMatchObject({
      code: 'journal-behind',
      message: expect.stringContaining('connection refused'),
    })
    await expect(journal.flush(100)).rejects.toMatchObject({ code: 'journal-behind' })
    expect(journal.find('flaky', 'away-5')).toMatchObject({ id: 'away-5' })
    away = false
    await journal.flush()
    expect(order).toEqual(['away-0', 'away-1', 'away-2', 'away-3', 'away-4', 'away-5'])
    await append('away-7')
    away = true
    await journal.close(50)
    away = false
    const again = await Journal.open({ store, kinds: { flaky: kind } })
    expect(order.at(-1)).toBe('away-7')
    await again.close()
  })

  it('holds senders back to the pace of a slow database, and refuses none', async () => {
    let taken = 0
    const kind: JournalKind = {
      durable: false,
      insert: async (_trx, records) => {
        await new Promise((resolve) => setTimeout(resolve, 50))
        taken += records.length
      },
    }
    const journal = await Journal.open({ store, kinds: { slow: kind }, waitingBytes: 3000 })
    let most = 0
    for (let i = 0; i < 40; i++) {
      await journal.append([{ kind: 'slow', record: { id: `slow-${i}`, text: 'x'.repeat(500) } }])
      most = Math.max(most, journal.stats().waitingBytes)
    }
    expect(most).toBeLessThan(4000)
    await journal.close()
    expect(taken).toBe(40)
  })

  it('sets aside records that no part of this version takes', async () => {
    const journal = await open()
    await journal.close()
    appendFileSync(newest(), encodeLine([{ kind: 'from-the-future', record: { id: 'f' } }]))
    await (await open()).close()
    const kept = await store.db
      .selectFrom('journal_rejected')
      .selectAll()
      .where('kind', '=', 'from-the-future')
      .execute()
    expect(kept).toMatchObject([{ record: '{"id":"f"}', reason: 'No part of this version takes "from-the-future".' }])
  })

  it('is readable by people', async () => {
    const journal = await open()
    await journal.append([note('plain', 'a text')])
    expect(readFileSync(newest(), 'utf8')).toMatch(/^[0-9a-f]{8} \[\["hard",\{"id":"plain","text":"a text"\}\]\]\n$/)
    await journal.close()
    writeFileSync(path.join(folder(), 'notes.txt'), 'not a journal file')
    await (await open()).close()
  })
})

describe.skipIf(process.platform === 'win32')('a full disk', () => {
  it('refuses what does not fit, whole, and takes records again when there is room', async () => {
    // A limit on the size of files stands in for the full disk: writes end short, then fail.
    const { execFileSync } = await import('node:child_process')
    const dist = new URL('../../../dist/store/journal/', import.meta.url).href
    const script = `
      import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
      const { Segments } = await import('${dist}segments.js')
      const { JournalWriter } = await import('${dist}writer.js')
      const { encodeLine } = await import('${dist}lines.js')
      const folder = mkdtempSync('/tmp/volant-full-')
      const segments = await Segments.open(folder)
      const writer = await JournalWriter.open(segments, 1, { segmentBytes: 1e9, syncEveryMs: 50, onError: () => {} })
      const append = (id, size) => writer.append(encodeLine([{ kind: 'k', record: { id, text: 'x'.repeat(size) } }]), true, () => {}).then(() => 'ok', (error) => error.code)
      const results = [await append('a', 30000), await append('b', 30000), await append('c', 30000), await append('d', 3000)]
      await writer.close()
      const lines = readFileSync(segments.file(1), 'utf8').split('\\n')
      rmSync(folder, { recursive: true })
      console.log(JSON.stringify({ results, ids: lines.slice(0, -1).map((line) => JSON.parse(line.slice(9))[0][1].id), rest: lines.at(-1) }))`
    const output = execFileSync(
      'bash',
      ['-c', 'ulimit -f 64; exec "$0" --input-type=module -e "$1"', process.execPath, script],
      { encoding: 'utf8' },
    )
    expect(JSON.parse(output)).toEqual({ results: ['ok', 'ok', 'disk-full', 'ok'], ids: ['a', 'b', 'd'], rest: '' })
  })
})
