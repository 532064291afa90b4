// What the engine needs of Node, in one place: bundlers for browsers take browser.ts instead (`imports` in package.json).
import { createHash } from 'node:crypto'
import { open, readFile, rename, rm } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { setImmediate } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import type { ColumnWork } from '../linear/column-worker.js'

export { presentDevices } from '../runtime/devices.js'
export { nodeBinding as binding } from '../runtime/node-binding.js'
export { Thread } from '../runtime/thread.js'
export { availableParallelism }

/** Gives the event loop a turn. */
export const turn = (): Promise<void> => setImmediate()

/** SHA-256 of the parts one after the other, in hexadecimal. */
export function hashOf(parts: Iterable<string | Uint8Array>): string {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(part)
  return hash.digest('hex')
}

export const loadMpi = async () => (await import('../runtime/mpi.js')).Mpi

/** The bytes of a file; undefined when there is none. */
export async function readIfThere(file: string): Promise<Uint8Array | undefined> {
  return readFile(file).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw error
  })
}

/** Writes beside the file and renames, so that the file is whole at any moment. */
export async function writeWhole(file: string, bytes: Uint8Array): Promise<void> {
  const temporary = `${file}.tmp` // the same each time, so that a killed run leaves at most one
  try {
    const handle = await open(temporary, 'w')
    try {
      await handle.writeFile(bytes)
      await handle.sync()
    } finally {
      await handle.close()
    }
    await rename(temporary, file)
  } catch (cause) {
    await rm(temporary, { force: true })
    throw cause
  }
}

/** A thread that solves columns of a linear model. Starts from dist also when this file runs from src (tests). */
export function columnWorker(workerData: ColumnWork): Worker {
  return new Worker(new URL('../../dist/linear/column-worker.js', import.meta.url), { workerData, execArgv: [] })
}
