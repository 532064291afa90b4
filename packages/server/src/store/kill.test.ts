// Real server processes are killed with SIGKILL at random moments: nothing they acknowledged may be lost.
// Two rounds by default; VOLANT_KILLS=50 for a long run.
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { sql } from 'kysely'
import { afterAll, expect, it } from 'vitest'
import { onEachDatabase } from './databases.testing.js'
import { Journal, journalMigrations } from './journal/index.js'
import { openStore } from './store.js'

declare module './tables.js' {
  interface Tables {
    test_facts: { id: string; kind: string }
    test_counts: { kind: string; n: string }
  }
}

const rounds = Number(process.env.VOLANT_KILLS ?? 2)
const folder = mkdtempSync(path.join(os.tmpdir(), 'volant-kill-'))
afterAll(() => rmSync(folder, { recursive: true }))

/** The tables and kinds, as source text, so that the killed process and this one have the same. */
const shared = `
  export const tables = (sql) => ({
    name: '9001-test-facts',
    up: async (db) => {
      await sql\`create table test_facts (id text primary key, kind text not null)\`.execute(db)
      await sql\`create table test_counts (kind text primary key, n bigint not null)\`.execute(db)
    },
  })
  const kind = (name, durable, insertMany, sql) => ({
    durable,
    insert: async (trx, records) => {
      await insertMany(trx, 'test_facts', { id: 'text', kind: 'text' }, records.map(({ id }) => ({ id, kind: name })), { onConflict: 'id' })
      await sql\`insert into test_counts values (\${name}, \${records.length}) on conflict (kind) do update set n = test_counts.n + excluded.n\`.execute(trx)
    },
  })
  export const kinds = ({ insertMany, sql }) => ({ soft: kind('soft', false, insertMany, sql), hard: kind('hard', true, insertMany, sql) })`

const dist = new URL('../../dist/store/', import.meta.url).href
const server = `
  import { openStore, Journal, journalMigrations, insertMany } from '${dist}index.js'
  import { sql } from 'kysely'
  import { tables, kinds } from '${path.join(folder, 'shared.mjs')}'
  const [dataFolder, databaseUrl, round] = process.argv.slice(2)
  const store = await openStore({ dataFolder, ...(databaseUrl && { databaseUrl }), migrations: [...journalMigrations, tables(sql)], backups: false })
  const journal = await Journal.open({ store, kinds: kinds({ insertMany, sql }), segmentBytes: 20_000 })
  console.log('ready')
  async function write(kind, writer) {
    for (let n = 0; ; n++) {
      const id = [round, kind, writer, n].join('-')
      await journal.append([{ kind, record: { id, text: 'x'.repeat(n % 300) } }])
      process.stdout.write(id + '\\n')
    }
  }
  for (let writer = 0; writer < 4; writer++) { write('soft', writer); write('hard', writer) }`

onEachDatabase((database) => {
  it(`loses nothing it acknowledged in ${rounds} kills`, { timeout: 60_000 + rounds * 10_000 }, async () => {
    const sharedFile = path.join(folder, 'shared.mjs')
    // Beside the compiled store, so that its imports are found.
    const serverFile = path.join(new URL('.', dist).pathname, `kill-${process.pid}-${database.kind}.mjs`)
    writeFileSync(sharedFile, shared)
    writeFileSync(serverFile, server)
    const { tables, kinds } = await import(sharedFile)
    const { insertMany } = await import('./batch.js')
    try {
      const place = await database.fresh()
      const acknowledged: string[] = []
      for (let round = 0; round < rounds; round++) {
        const child = spawn(process.execPath, [serverFile, place.dataFolder, place.databaseUrl ?? '', String(round)], {
          stdio: ['ignore', 'pipe', 'inherit'],
        })
        acknowledged.push(...(await linesUntilKilled(child, 100 + Math.random() * 600)))
      }
      const store = await openStore({ ...place, migrations: [...journalMigrations, tables(sql)], backups: false })
      const journal = await Journal.open({ store, kinds: kinds({ insertMany, sql }) })
      const rows = await store.db.selectFrom('test_facts').selectAll().execute()
      const found = new Set(rows.map(({ id }) => id))
      expect(acknowledged.length).toBeGreaterThan(100 * rounds)
      expect(acknowledged.filter((id) => !found.has(id))).toEqual([])
      // Each line went into the database once: what is counted is what is there.
      const counts = await store.db.selectFrom('test_counts').selectAll().orderBy('kind').execute()
      const per = (kind: string) => String(rows.filter((row) => row.kind === kind).length)
      expect(counts).toEqual([
        { kind: 'hard', n: per('hard') },
        { kind: 'soft', n: per('soft') },
      ])
      await journal.close()
      await store.close()
    } finally {
      rmSync(serverFile)
    }
  })
})

/** What a process prints after `ready` until it is killed `afterMs` later; its last line may be half. */
function linesUntilKilled(child: ChildProcess, afterMs: number): Promise<string[]> {
  return new Promise((resolve, reject) => {
    const lines: string[] = []
    let ready = false
    createInterface({ input: child.stdout! }).on('line', (line) => {
      if (ready) lines.push(line)
      else if (line === 'ready') {
        ready = true
        setTimeout(() => child.kill('SIGKILL'), afterMs)
      }
    })
    child.once('close', (_code, signal) =>
      signal === 'SIGKILL'
        ? resolve(lines.filter((line) => /^\d+-(soft|hard)-\d-\d+$/.test(line)).slice(0, -1))
        : reject(new Error('it ended by itself')),
    )
  })
}
