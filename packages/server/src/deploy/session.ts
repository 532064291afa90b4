import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import type { Row } from '@volant/data'
import { isPredictionError, type Prediction } from '@volant/fields'
import { refuse } from '../errors.js'

export type ToWorker = { kind: 'predict'; batch: number; rows: Row[] } | { kind: 'close' }
export type FromWorker =
  | { kind: 'ready' }
  | { kind: 'broken'; message: string }
  | { kind: 'answers'; batch: number; answers: Prediction[] }
  | { kind: 'failed'; batch: number; message: string }

/** Rows of one caller waiting for their answers. */
interface Waiting {
  rows: Row[]
  answered: (answers: Prediction[]) => void
  failed: (error: Error) => void
  /** Sent without company after the batch it was in failed: one caller's rows must not spoil another's. */
  alone?: true
}

export interface SessionLimits {
  /** Most rows sent to the model at once. */
  batchRows: number
  /** Most rows waiting before callers are turned away. */
  waitingRows: number
  /** How long loading and the first prediction may take, in ms. */
  warmTime: number
  /** How long a worker may take to end by itself, in ms. */
  closeTime: number
}

const defaults: SessionLimits = { batchRows: 256, waitingRows: 8192, warmTime: 120_000, closeTime: 10_000 }

/**
 * One model version ready to answer, in a worker thread with one compute thread.
 * Batching is dynamic: an idle model answers at once; while it works, rows of all callers gather and leave together,
 * counted in rows. The queue is bounded; beyond it callers get `queue-full`.
 */
export class Session {
  readonly #limits: SessionLimits
  readonly #worker: Worker
  readonly #ready: Promise<void>
  readonly #exited: Promise<unknown>
  #waiting: Waiting[] = []
  #waitingRows = 0
  #running: Waiting[] | null = null
  #batch = 0
  #broken: Error | null = null
  #closing = false
  #idle: (() => void) | null = null
  /** When the session last was asked, in ms since the epoch. */
  usedAt = Date.now()

  constructor(folder: string, limits: Partial<SessionLimits> = {}) {
    this.#limits = { ...defaults, ...limits }
    this.#worker = new Worker(new URL('../../dist/deploy/worker.js', import.meta.url), {
      workerData: { folder },
      execArgv: [],
    })
    this.#worker.unref()
    this.#exited = once(this.#worker, 'exit')
    this.#ready = new Promise((resolve, reject) => {
      const late = setTimeout(
        () => reject(new Error(`it was not loaded within ${this.#limits.warmTime / 1000} s`)),
        this.#limits.warmTime,
      )
      this.#worker.on('message', (message: FromWorker) => {
        if (message.kind === 'ready' || message.kind === 'broken') clearTimeout(late)
        if (message.kind === 'ready') resolve()
        else if (message.kind === 'broken') reject(new Error(message.message))
        else this.#finish(message)
      })
      this.#worker.on('error', (error) => {
        reject(error)
        this.#break(error)
      })
      this.#worker.on('exit', () => {
        clearTimeout(late)
        const error = new Error('the process of the model ended')
        reject(error)
        this.#break(error)
      })
    })
    this.#ready.catch((error: Error) => this.#break(error))
  }

  /** False when it is closing or has failed: take another one then. */
  get usable(): boolean {
    return this.#broken === null && !this.#closing
  }

  /** Resolves when the model is loaded; rejects with the reason when it cannot be. */
  ready(): Promise<void> {
    return this.#ready
  }

  /** Answers rows in their order. Throws `queue-full` when too many rows wait already. */
  async predict(rows: Row[]): Promise<Prediction[]> {
    this.usedAt = Date.now()
    if (this.#broken) throw this.#broken
    if (rows.length === 0) return []
    if (this.#waitingRows > 0 && this.#waitingRows + rows.length > this.#limits.waitingRows)
      throw refuse('queue-full', `${this.#waitingRows} rows are waiting already; ask again in a second.`, {
        waitingRows: this.#waitingRows,
        retryAfter: 1,
      })
    return new Promise((answered, failed) => {
      this.#waiting.push({ rows, answered, failed })
      this.#waitingRows += rows.length
      if (this.#running === null) this.#next()
    })
  }

  /** Lets running and waiting rows be answered, then ends the worker. */
  async close(): Promise<void> {
    if (this.#closing) return
    this.#closing = true
    if (!this.#broken && (this.#running !== null || this.#waiting.length > 0))
      await new Promise<void>((resolve) => {
        this.#idle = resolve
      })
    await this.#end()
  }

  /** A thread stopped in the middle of a computation can take the process with it, so it is asked first. */
  async #end(): Promise<void> {
    this.#worker.postMessage({ kind: 'close' } satisfies ToWorker)
    const late = setTimeout(() => void this.#worker.terminate(), this.#limits.closeTime)
    await this.#exited
    clearTimeout(late)
  }

  #next(): void {
    const batch: Waiting[] = []
    let rows = 0
    while (this.#waiting.length > 0 && (rows === 0 || this.#fits(rows, this.#waiting[0]!))) {
      const taken = this.#waiting.shift()!
      batch.push(taken)
      rows += taken.rows.length
      if (taken.alone) break
    }
    this.#waitingRows -= rows
    if (batch.length === 0) {
      this.#running = null
      this.#idle?.()
      return
    }
    this.#running = batch
    const all = batch.length === 1 ? batch[0]!.rows : batch.flatMap((one) => one.rows)
    this.#worker.postMessage({ kind: 'predict', batch: ++this.#batch, rows: all } satisfies ToWorker)
  }

  #fits(rows: number, next: Waiting): boolean {
    return !next.alone && rows + next.rows.length <= this.#limits.batchRows
  }

  #finish(message: Extract<FromWorker, { batch: number }>): void {
    const batch = this.#running
    if (batch === null || message.batch !== this.#batch) return
    if (message.kind === 'failed' && batch.length > 1) {
      this.#waiting.unshift(...batch.map((one) => ({ ...one, alone: true as const })))
      this.#waitingRows += batch.reduce((sum, one) => sum + one.rows.length, 0)
      this.#next()
      return
    }
    let at = 0
    for (const one of batch) {
      if (message.kind === 'failed') one.failed(new Error(message.message))
      else one.answered(message.answers.slice(at, at + one.rows.length).map((answer, row) => rebase(answer, row)))
      at += one.rows.length
    }
    this.#next()
  }

  #break(error: Error): void {
    this.#broken ??= error
    for (const one of [...(this.#running ?? []), ...this.#waiting]) one.failed(this.#broken)
    this.#running = null
    this.#waiting = []
    this.#waitingRows = 0
    this.#idle?.()
  }
}

/** A row's error counts rows of the batch it travelled in; the caller counts its own. */
function rebase(answer: Prediction, row: number): Prediction {
  return isPredictionError(answer) ? { error: { ...answer.error, row } } : answer
}
