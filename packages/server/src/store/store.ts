import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises'
import path from 'node:path'
import { VolantError } from '@volant/data'
import type { Kysely } from 'kysely'
import { type Artifacts, openArtifacts } from './artifacts.js'
import { type BackupSchedule, type Backups, scheduleBackups } from './backups.js'
import { type Database, openPglite, openPostgres } from './database.js'
import { writeWhole } from './files.js'
import { type Guard, guardFolder } from './guard.js'
import { newId } from './ids.js'
import { type Log, silent } from './log.js'
import { type Migration, migrate } from './migrations.js'
import type { Tables } from './tables.js'
import { keepUp } from './upkeep.js'

/** How the data folder is laid out; a folder with a higher number is refused. */
const folderFormat = 1

export interface StoreOptions {
  /** Made when it is not there. One process only may use it. */
  dataFolder: string
  /** A PostgreSQL server (15 or later); without it PGlite in the data folder. */
  databaseUrl?: string
  /** Every part's steps; `store` adds its own. */
  migrations: readonly Migration[]
  /** PGlite only. Default: every 24 hours, the last 3 kept. */
  backups?: BackupSchedule | false
  /** How long a statement may wait for the database. */
  lockTimeoutMs?: number
  /** Called once when the database stops by itself; nothing works after that. */
  onFatal?: (error: Error) => void
  log?: Log
}

export interface Store {
  /** The data folder's own id. */
  readonly id: string
  readonly kind: 'pglite' | 'postgres'
  readonly folder: string
  /** On PGlite one connection: inside a transaction use the transaction only. */
  readonly db: Kysely<Tables>
  /** The database underneath, for the job queue. */
  readonly database: Database
  readonly artifacts: Artifacts
  readonly backups: Backups | undefined
  /** A new empty folder for work in progress; all of them are removed at the next start. */
  scratch(name?: string): Promise<string>
  /** Waits for running statements and frees the folder. */
  close(): Promise<void>
}

/**
 * Opens the data folder: takes its guard, opens the database, brings the schema up to date.
 * Throws `data-folder-in-use`, `bad-data-folder`, `newer-data-folder`, `database-broken`, `database-unreachable`,
 * `migration-failed`; the folder is free again then.
 */
export async function openStore(options: StoreOptions): Promise<Store> {
  const { databaseUrl, migrations, lockTimeoutMs, onFatal, log = silent } = options
  const folder = path.resolve(options.dataFolder)
  const guard = await guardedFolder(folder)
  try {
    const id = await folderId(folder)
    const database = databaseUrl
      ? await openPostgres(databaseUrl, { lockTimeoutMs })
      : await openPglite({ folder: path.join(folder, 'database') }, { lockTimeoutMs, onFatal })
    try {
      await migrate(database.db as Kysely<unknown>, migrations, database.place)
      const scratchFolder = path.join(folder, 'scratch')
      await rm(scratchFolder, { recursive: true, force: true })
      const artifacts = await openArtifacts(folder)
      const backups =
        database.kind === 'pglite' && options.backups !== false
          ? scheduleBackups(database.pglite, path.join(folder, 'backups'), options.backups ?? {}, log)
          : undefined
      const upkeep = database.kind === 'pglite' ? keepUp(database.pglite, log) : undefined
      return {
        id,
        kind: database.kind,
        folder,
        db: database.db,
        database,
        artifacts,
        backups,
        scratch: async (name = 'work') => {
          await mkdir(scratchFolder, { recursive: true })
          return await mkdtemp(path.join(scratchFolder, `${name}-`))
        },
        close: async () => {
          upkeep?.stop()
          await backups?.stop()
          await database.close()
          await guard.release()
        },
      }
    } catch (error) {
      await database.close()
      throw error
    }
  } catch (error) {
    await guard.release()
    throw error
  }
}

async function guardedFolder(folder: string): Promise<Guard> {
  try {
    await mkdir(folder, { recursive: true })
    return await guardFolder(folder)
  } catch (cause) {
    if (cause instanceof VolantError) throw cause
    const sentence = `"${folder}" cannot be used as the data folder: ${(cause as Error).message}.`
    throw new VolantError('bad-data-folder', sentence, { folder }, { cause })
  }
}

/** Reads `volant.json`, or writes it in a new folder. */
async function folderId(folder: string): Promise<string> {
  const file = path.join(folder, 'volant.json')
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw error
  })
  if (text === undefined) {
    const id = newId()
    await writeWhole(file, `${JSON.stringify({ format: folderFormat, id })}\n`)
    return id
  }
  const { format, id } = folderFields(text)
  if (format === undefined || id === undefined) {
    throw new VolantError(
      'bad-data-folder',
      `"${file}" should say {"format": …, "id": …} but says ${JSON.stringify(text.slice(0, 60))}. Use another data folder.`,
      { folder },
    )
  }
  if (format > folderFormat) {
    throw new VolantError(
      'newer-data-folder',
      `The data folder "${folder}" has format ${format}, made by a newer version of Volant; this one knows ${folderFormat}. ` +
        'Start that newer version, or use another data folder.',
      { folder, format },
    )
  }
  return id
}

function folderFields(text: string): { format?: number; id?: string } {
  try {
    const { format, id } = JSON.parse(text) as Record<string, unknown>
    return { ...(typeof format === 'number' && { format }), ...(typeof id === 'string' && { id }) }
  } catch {
    return {}
  }
}
