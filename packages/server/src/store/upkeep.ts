import type { Log } from './log.js'
import type { PgliteDatabase } from './pglite.js'

const everyMs = 3_600_000

/** PGlite has no background process that clears dead rows and counts the living: this does, every hour. */
export function keepUp(pglite: PgliteDatabase, log: Log): { stop(): void } {
  const timer = setInterval(() => {
    pglite.exec('vacuum analyze').catch((error: Error) => log.warn({ err: error }, 'the database was not tidied up'))
  }, everyMs).unref()
  return { stop: () => clearInterval(timer) }
}
