import { VolantError } from '@volant/data'
import { Kysely, PostgresDialect } from 'kysely'
import pg from 'pg'
import { PgliteDatabase } from './pglite.js'
import { pgliteDialect } from './pglite-dialect.js'
import type { WorkerSettings } from './pglite-messages.js'
import type { Tables } from './tables.js'

/** Where the rows are: PGlite in the data folder, or a PostgreSQL server. Both are asked through `db`. */
export type Database =
  | { kind: 'pglite'; db: Kysely<Tables>; pglite: PgliteDatabase; place: string; close(): Promise<void> }
  | { kind: 'postgres'; db: Kysely<Tables>; url: string; place: string; close(): Promise<void> }

/** PGlite in `settings.folder`. It does no fsync: a power cut may damage it; see backups. Throws `database-broken`. */
export async function openPglite(
  settings: WorkerSettings,
  options: { lockTimeoutMs?: number; onFatal?: (error: Error) => void },
): Promise<Database> {
  const pglite = await PgliteDatabase.open(settings, options)
  const db = new Kysely<Tables>({ dialect: pgliteDialect(pglite) })
  const close = async (): Promise<void> => {
    await db.destroy()
    await pglite.close()
  }
  return { kind: 'pglite', db, pglite, place: settings.folder, close }
}

/** A PostgreSQL server, version 15 or later. Throws `database-unreachable`, with no password in its message. */
export async function openPostgres(url: string, options: { lockTimeoutMs?: number }): Promise<Database> {
  const pool = new pg.Pool({ connectionString: url, max: 10, connectionTimeoutMillis: options.lockTimeoutMs ?? 30_000 })
  // A connection that breaks while idle is replaced by the pool; the next statement tells if the server is gone.
  pool.on('error', () => {})
  const place = withoutPassword(url)
  const db = new Kysely<Tables>({ dialect: new PostgresDialect({ pool }) })
  try {
    const { rows } = await pool.query<{ version: string }>("select current_setting('server_version_num') as version")
    if (Number(rows[0]?.version) < 150_000) throw new Error(`it is version ${rows[0]?.version}, 15 or later is needed`)
  } catch (cause) {
    await db.destroy()
    throw new VolantError(
      'database-unreachable',
      `The database at ${place} (DATABASE_URL) cannot be used: ${(cause as Error).message || (cause as { code?: string }).code}.`,
      { place },
      { cause },
    )
  }
  return { kind: 'postgres', db, url, place, close: () => db.destroy() }
}

function withoutPassword(url: string): string {
  try {
    const { protocol, host, pathname } = new URL(url)
    return `${protocol}//${host}${pathname}`
  } catch {
    return 'an address that is no URL'
  }
}

/** True when `error` is the database's with this SQLSTATE, e.g. '23505' for a value that must be unique. */
export function isCode(error: unknown, sqlState: string): boolean {
  return error instanceof Error && (error as { code?: unknown }).code === sqlState
}
