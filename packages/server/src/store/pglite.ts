import { Worker } from 'node:worker_threads'
import { VolantError } from '@volant/data'
import { Lock } from './lock.js'
import type { Answer, Ask, ErrorFields, WorkerSettings } from './pglite-messages.js'

const workerFile = new URL('../../dist/store/pglite-worker.js', import.meta.url)

/** An error of the database, with PostgreSQL's own fields. `code` is the SQLSTATE. */
class DatabaseError extends Error {
  readonly code: string | undefined
  readonly detail: string | undefined
  readonly constraint: string | undefined

  constructor(fields: ErrorFields) {
    super(fields.message)
    this.name = 'DatabaseError'
    Object.assign(this, fields)
    this.code = fields.code
    this.detail = fields.detail
    this.constraint = fields.constraint
  }
}

export interface QueryResult {
  rows: Record<string, unknown>[]
  affectedRows?: number
  command?: string
}

type Body = Ask extends infer A ? (A extends Ask ? Omit<A, 'id'> : never) : never

interface Pending {
  resolve(value: unknown): void
  reject(error: Error): void
}

/**
 * PGlite in a worker thread. It has one session: `lock` is taken by `query`, `exec`, `listen` and `dump` for one
 * statement, and by the Kysely driver for a whole transaction. The object is what pg-boss' `fromPglite` takes.
 */
export class PgliteDatabase {
  readonly lock: Lock
  readonly #worker: Worker
  readonly #pending = new Map<number, Pending>()
  readonly #listeners = new Map<number, (payload: string) => void>()
  #nextId = 1
  #ended: Error | undefined
  #closing = false

  private constructor(worker: Worker, lock: Lock, onFatal: (error: Error) => void) {
    this.#worker = worker
    this.lock = lock
    worker.on('message', (answer: Answer) => this.#receive(answer))
    worker.on('error', (error) => this.#end(error, onFatal))
    worker.on('exit', (code) => this.#end(new Error(`The database worker ended with code ${code}.`), onFatal))
  }

  /** Opens (or makes) the database in `settings.folder`: 1 s, a new one 4-9 s. Throws `database-broken`. */
  static async open(
    settings: WorkerSettings,
    options: { lockTimeoutMs?: number; onFatal?: (error: Error) => void } = {},
  ): Promise<PgliteDatabase> {
    const worker = new Worker(workerFile, { workerData: settings, execArgv: [] })
    await new Promise<void>((resolve, reject) => {
      const fail = (error: Error): void => reject(broken(settings.folder, error))
      worker.once('message', () => {
        worker.off('error', fail)
        worker.removeAllListeners('exit')
        resolve()
      })
      worker.once('error', fail)
      worker.once('exit', (code) => fail(new Error(`the database worker ended with code ${code}`)))
    })
    return new PgliteDatabase(worker, new Lock(options.lockTimeoutMs), options.onFatal ?? (() => {}))
  }

  /** One statement with `$1` parameters. */
  query<T = Record<string, unknown>>(sql: string, params: unknown[] = []): Promise<{ rows: T[] }> {
    return this.lock.with(statementLabel(sql), () => this.ask({ op: 'query', sql, params })) as Promise<{ rows: T[] }>
  }

  /** Several statements without parameters. A transaction block that fails inside is rolled back before others run. */
  exec(sql: string): Promise<{ rows: Record<string, unknown>[] }[]> {
    return this.lock.with(statementLabel(sql), async () => {
      try {
        return (await this.ask({ op: 'exec', sql })) as { rows: Record<string, unknown>[] }[]
      } catch (error) {
        await this.ask({ op: 'exec', sql: 'rollback' })
        throw error
      }
    })
  }

  /** Calls `onNotification` for each NOTIFY on `channel` until the returned function is called. */
  async listen(channel: string, onNotification: (payload: string) => void): Promise<() => Promise<void>> {
    const id = this.#nextId
    this.#listeners.set(id, onNotification)
    await this.lock.with(`listen ${channel}`, () => this.ask({ op: 'listen', channel }, id))
    return async () => {
      this.#listeners.delete(id)
      await this.lock.with(`unlisten ${channel}`, () => this.ask({ op: 'unlisten', listener: id }))
    }
  }

  /** The whole data folder as a tar; statements wait meanwhile. */
  dump(): Promise<Uint8Array> {
    return this.lock.with('backup', async () => {
      await this.ask({ op: 'exec', sql: 'checkpoint' })
      return (await this.ask({ op: 'dump' })) as Uint8Array
    })
  }

  /** Waits for what holds the lock, then shuts the database down. */
  async close(): Promise<void> {
    if (this.#ended || this.#closing) return
    await this.lock.with('close', async () => {
      this.#closing = true
      const exited = new Promise<void>((resolve) => this.#worker.once('exit', () => resolve()))
      await this.ask({ op: 'close' })
      await exited
    })
  }

  /** Asks the worker without taking the lock: only for the one who holds it. */
  ask(body: Body, id = this.#nextId): Promise<unknown> {
    if (this.#ended) return Promise.reject(this.#ended)
    this.#nextId = Math.max(this.#nextId, id) + 1
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve, reject })
      this.#worker.postMessage({ ...body, id } as Ask)
    })
  }

  #receive(answer: Answer): void {
    if (answer.op === 'notified') this.#listeners.get(answer.id)?.(answer.payload)
    if (answer.op === 'notified' || answer.op === 'ready') return
    const pending = this.#pending.get(answer.id)
    this.#pending.delete(answer.id)
    if (answer.op === 'done') pending?.resolve(answer.value)
    else pending?.reject(new DatabaseError(answer.error))
  }

  #end(cause: Error, onFatal: (error: Error) => void): void {
    if (this.#ended) return
    const ended = new VolantError('database-closed', 'The database is closed.', {}, { cause })
    this.#ended = ended
    for (const { reject } of this.#pending.values()) reject(ended)
    this.#pending.clear()
    if (!this.#closing) onFatal(new Error(`The database stopped unexpectedly: ${cause.message}`, { cause }))
  }
}

/** A statement on one short line. */
export function statementLabel(sql: string): string {
  return sql.trim().replace(/\s+/g, ' ').slice(0, 80)
}

function broken(folder: string, cause: Error): VolantError {
  return new VolantError(
    'database-broken',
    `The database in ${folder} cannot be opened: ${cause.message}. Restore the newest file of the data folder's ` +
      '"backups" (docs/operations.md), or move the folder away to start empty.',
    { folder },
    { cause },
  )
}
