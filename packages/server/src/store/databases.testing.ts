// The same cases on PGlite and on a real PostgreSQL server, started here when its programs are found.
import { execFileSync } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
} from 'node:fs'
import { createServer } from 'node:net'
import os from 'node:os'
import path from 'node:path'
import pg from 'pg'
import { afterAll, beforeAll, describe } from 'vitest'
import { PgliteDatabase } from './pglite.js'
import { openStore, type Store, type StoreOptions } from './store.js'

export interface TestDatabase {
  kind: 'pglite' | 'postgres'
  /** A new folder (and database) of its own. */
  fresh(): Promise<Pick<StoreOptions, 'dataFolder' | 'databaseUrl'>>
  /** A store on a fresh folder, closed after the file's tests. */
  store(options: Omit<StoreOptions, 'dataFolder'>): Promise<Store>
}

/** Runs `cases` on each database; PostgreSQL is skipped, with the reason in its title, where it is not installed. */
export function onEachDatabase(cases: (database: TestDatabase) => void): void {
  describe('on PGlite', () => {
    const { folders, stores, clean } = workplace()
    afterAll(clean)
    const fresh = async () => {
      const dataFolder = folders()
      cpSync(await emptyPglite(), path.join(dataFolder, 'database'), { recursive: true })
      return { dataFolder }
    }
    cases({ kind: 'pglite', fresh, store: async (options) => stores({ ...options, ...(await fresh()) }) })
  })

  const programs = postgresPrograms()
  const title = programs ? 'on PostgreSQL' : 'on PostgreSQL (skipped: initdb not found; install postgresql 15 or later)'
  describe.skipIf(!programs)(title, () => {
    const { folders, stores, clean } = workplace()
    let server: { url: string; stop(): void }
    beforeAll(async () => {
      server = await startPostgres(programs!)
    })
    afterAll(async () => {
      await clean()
      server?.stop()
    })
    const fresh = async () => {
      const name = `test_${randomUUID().replaceAll('-', '')}`
      const client = new pg.Client(server.url)
      await client.connect()
      await client.query(`create database ${name}`)
      await client.end()
      return { dataFolder: folders(), databaseUrl: server.url.replace(/postgres$/, name) }
    }
    cases({ kind: 'postgres', fresh, store: async (options) => stores({ ...options, ...(await fresh()) }) })
  })
}

function workplace() {
  const made: string[] = []
  const opened: Store[] = []
  return {
    folders: () => {
      const folder = mkdtempSync(path.join(os.tmpdir(), 'volant-store-'))
      made.push(folder)
      return folder
    },
    stores: async (options: StoreOptions) => {
      const store = await openStore({ backups: false, ...options })
      opened.push(store)
      return store
    },
    clean: async () => {
      for (const store of opened) await store.close()
      for (const folder of made) rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** An empty PGlite folder, made once per machine: initdb takes 4-9 s, a copy 0.2 s. */
export async function emptyPglite(): Promise<string> {
  const folder = path.join(os.tmpdir(), `volant-pglite-template-${process.getuid?.() ?? 0}-18`)
  if (existsSync(folder)) return folder
  const making = `${folder}.${process.pid}`
  const database = await PgliteDatabase.open({ folder: making })
  await database.close()
  try {
    renameSync(making, folder)
  } catch {
    rmSync(making, { recursive: true, force: true })
  }
  return folder
}

function postgresPrograms(): string | undefined {
  const root = '/usr/lib/postgresql'
  const versions = existsSync(root) ? readdirSync(root).sort((a, b) => Number(b) - Number(a)) : []
  return versions.map((version) => path.join(root, version, 'bin')).find((bin) => existsSync(path.join(bin, 'initdb')))
}

async function startPostgres(programs: string): Promise<{ url: string; stop(): void }> {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'volant-postgres-'))
  const asRoot = process.getuid?.() === 0
  const run = (program: string, ...args: string[]): void => {
    const command = [path.join(programs, program), ...args]
    const [file, ...rest] = asRoot ? ['runuser', '-u', 'postgres', '--', ...command] : command
    execFileSync(file!, rest, { stdio: 'ignore' })
  }
  chmodSync(folder, 0o755)
  const data = path.join(folder, 'data')
  mkdirSync(data)
  if (asRoot) chownSync(data, ...userIds('postgres'))
  const port = await freePort()
  run('initdb', '-D', data, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--locale=C.UTF-8', '-N')
  const options = `-p ${port} -c listen_addresses=127.0.0.1 -c unix_socket_directories=${data} -c fsync=off`
  run('pg_ctl', '-D', data, '-w', '-s', '-l', path.join(data, 'log'), '-o', options, 'start')
  return {
    url: `postgres://postgres@127.0.0.1:${port}/postgres`,
    stop: () => {
      run('pg_ctl', '-D', data, '-m', 'immediate', '-s', 'stop')
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

function userIds(name: string): [number, number] {
  const id = (flag: string): number => Number(execFileSync('id', [flag, name], { encoding: 'utf8' }))
  return [id('-u'), id('-g')]
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number }
      server.close(() => resolve(port))
    })
  })
}
