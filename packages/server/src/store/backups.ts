import { createWriteStream } from 'node:fs'
import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises'
import path from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGzip } from 'node:zlib'
import { diskError, syncFolder } from './files.js'
import type { Log } from './log.js'
import type { PgliteDatabase } from './pglite.js'

export interface BackupSchedule {
  /** Hours between two backups; default 24. */
  everyHours?: number
  /** How many are kept; default 3. */
  keep?: number
}

export interface Backups {
  /** Writes a backup now. Statements wait while the folder is copied to memory, not while it is compressed. */
  now(): Promise<{ file: string; bytes: number }>
  /** Calls `before` as a backup begins, and what that returns when it is on the disk. */
  around(before: () => () => Promise<void>): void
  stop(): Promise<void>
}

const checkEveryMs = 10 * 60_000

/** Backs PGlite up when the newest file in `folder` is older than the schedule says. */
export function scheduleBackups(
  pglite: PgliteDatabase,
  folder: string,
  { everyHours = 24, keep = 3 }: BackupSchedule,
  log: Log,
): Backups {
  const listeners: (() => () => Promise<void>)[] = []
  let running: Promise<unknown> = Promise.resolve()

  async function write(): Promise<{ file: string; bytes: number }> {
    await mkdir(folder, { recursive: true })
    const file = path.join(folder, `database-${new Date().toISOString().replace(/[:.]/g, '-')}.tar.gz`)
    const afters = listeners.map((before) => before())
    const bytes = await compress(await pglite.dump(), file)
    for (const old of (await backupFiles(folder)).slice(keep)) await rm(path.join(folder, old))
    for (const after of afters) await after()
    return { file, bytes }
  }

  function now(): Promise<{ file: string; bytes: number }> {
    const next = running.then(write, write)
    running = next.catch(() => {})
    return next
  }

  async function check(): Promise<void> {
    const newest = (await backupFiles(folder))[0]
    const at = newest === undefined ? startedAt : (await stat(path.join(folder, newest))).mtimeMs
    if (Date.now() - at < everyHours * 3_600_000) return
    const { file, bytes } = await now()
    log.info({ file, bytes }, 'database backed up')
  }

  const startedAt = Date.now()
  const timer = setInterval(
    () => {
      check().catch((error: Error) => log.error({ err: error }, 'backup failed'))
    },
    Math.min(checkEveryMs, everyHours * 3_600_000),
  )
  timer.unref()

  return {
    now,
    around: (before) => void listeners.push(before),
    stop: async () => {
      clearInterval(timer)
      await running
    },
  }
}

/** Names of the backups in a folder, newest first. */
async function backupFiles(folder: string): Promise<string[]> {
  const names = await readdir(folder).catch(() => [])
  return names
    .filter((name) => /^database-.*\.tar\.gz$/.test(name))
    .sort()
    .reverse()
}

async function compress(tar: Uint8Array, file: string): Promise<number> {
  const temporary = `${file}.part`
  try {
    await pipeline(Readable.from(slices(tar)), createGzip({ level: 3 }), createWriteStream(temporary))
    const handle = await open(temporary, 'r+')
    await handle.sync()
    await handle.close()
    await rename(temporary, file)
    await syncFolder(path.dirname(file))
    return (await stat(file)).size
  } catch (error) {
    await rm(temporary, { force: true })
    throw diskError(error, file)
  }
}

function* slices(bytes: Uint8Array, size = 1 << 20): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}
