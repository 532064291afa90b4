import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { refuse } from '../errors.js'
import type { FromModel, ModelFacts, Result, Task, ThreadSettings, ToModel } from './messages.js'

export interface RunOptions {
  /** Aborted when nobody waits for the answer any more. */
  signal: AbortSignal
  /** Gets a text while it is written. */
  onPiece?: (text: string) => void
}

/** A task that waits for its turn or is being done. */
interface Asked extends RunOptions {
  id: number
  task: Task
  done: (result: never) => void
  failed: (error: Error) => void
}

/** Tasks that may wait for a model before callers are turned away. */
const WAITING = 32
/** How long a worker may take to end by itself, in ms. */
const CLOSE_TIME = 10_000
/** Codes of failures that the request is the cause of. */
const refused = [
  'text-too-long',
  'bad-schema',
  'schema-too-long',
  'bad-options',
  'bad-sampling',
  'empty-prompt',
  'chat-refused',
  'chat-template-missing',
  'chat-template-broken',
  'tokens-not-bytes',
]

/** Why a model could not be opened, as its owner is told; `place`: where its files are, if they were found. */
export class NotOpened extends Error {
  constructor(
    message: string,
    readonly place: string | undefined,
  ) {
    super(message)
  }
}

/** A language model in a worker thread. It does one task at a time, the others wait in a bounded queue. */
export class ModelThread {
  readonly #worker: Worker
  readonly #ready: Promise<ModelFacts>
  readonly #exited: Promise<unknown>
  #waiting: Asked[] = []
  #running: Asked | null = null
  #startedAt = 0
  /** Of a task, in seconds, the latest counting most. */
  #usualSeconds = 1
  #ids = 0
  #broken: Error | null = null
  #closing = false
  #loading = true
  /** When it was last of use, in ms since the epoch. */
  usedAt = Date.now()

  constructor(settings: ThreadSettings) {
    this.#worker = new Worker(new URL('../../dist/language/worker.js', import.meta.url), {
      workerData: settings,
      execArgv: [],
    })
    this.#worker.unref()
    this.#exited = once(this.#worker, 'exit')
    this.#ready = new Promise((resolve, reject) => {
      this.#worker.on('message', (message: FromModel) => {
        if (message.kind === 'ready') resolve(message.facts)
        else if (message.kind === 'broken') reject(new NotOpened(message.message, message.place))
        else this.#take(message)
      })
      const fail = (error: Error) => {
        reject(error)
        this.#break(error)
      }
      this.#worker.on('error', fail)
      this.#worker.on('exit', () => fail(new Error('the thread of the model ended')))
    })
    this.#ready.then(
      () => {
        this.#loading = false
        this.usedAt = Date.now()
      },
      (error: Error) => this.#break(error),
    )
  }

  /** What the model is, once it is loaded; rejects with the reason when it cannot be. */
  ready(): Promise<ModelFacts> {
    return this.#ready
  }

  /** False when it is closing or has failed: take another one then. */
  get usable(): boolean {
    return this.#broken === null && !this.#closing
  }

  get busy(): boolean {
    return this.#loading || this.#running !== null
  }

  /**
   * Does a task when those before it are done. Throws `queue-full` when too many wait already, what is wrong with the
   * request, and the reason of the signal where it is aborted before its turn.
   */
  async run<T extends Task>(task: T, options: RunOptions): Promise<Result<T>> {
    options.signal.throwIfAborted()
    if (this.#broken) throw this.#broken
    if (this.#waiting.length >= WAITING) {
      const retryAfter = Math.min(60, Math.max(1, Math.ceil(this.#usualSeconds * (this.#waiting.length + 1))))
      throw refuse('queue-full', `${WAITING} requests wait for this model already; ask again in ${retryAfter} s.`, {
        waiting: WAITING,
        retryAfter,
      })
    }
    return new Promise((done, failed) => {
      const asked: Asked = { ...options, id: ++this.#ids, task, done, failed }
      options.signal.addEventListener('abort', () => this.#forget(asked), { once: true })
      this.#waiting.push(asked)
      this.#next()
    })
  }

  /** Stops what is being written and ends the worker; what waits is turned away. */
  async close(): Promise<void> {
    if (this.#closing) return
    this.#closing = true
    for (const { failed } of this.#waiting.splice(0)) failed(refuse('not-ready', 'The server is stopping.'))
    // A thread stopped in the middle of a computation can take the process with it, so it is asked first.
    this.#post({ kind: 'close' })
    const late = setTimeout(() => void this.#worker.terminate(), CLOSE_TIME)
    await this.#exited
    clearTimeout(late)
  }

  #next(): void {
    this.usedAt = Date.now()
    if (this.#running || this.#closing) return
    const asked = this.#waiting.shift()
    if (!asked) return
    this.#running = asked
    this.#startedAt = performance.now()
    this.#post({ kind: 'do', id: asked.id, task: asked.task })
  }

  #take(message: Extract<FromModel, { id: number }>): void {
    const asked = this.#running
    if (asked?.id !== message.id) return
    if (message.kind === 'piece') {
      asked.onPiece?.(message.text)
      return
    }
    this.#running = null
    this.#usualSeconds = (this.#usualSeconds + (performance.now() - this.#startedAt) / 1000) / 2
    if (message.kind === 'done') asked.done(message.result as never)
    else if (asked.signal.aborted) asked.failed(asked.signal.reason)
    else if (message.code !== undefined && refused.includes(message.code))
      asked.failed(refuse('bad-request', message.message))
    else asked.failed(new Error(message.message))
    this.#next()
  }

  /** Nobody waits for it any more. */
  #forget(asked: Asked): void {
    const at = this.#waiting.indexOf(asked)
    if (at >= 0) {
      this.#waiting.splice(at, 1)
      asked.failed(asked.signal.reason)
    } else if (this.#running === asked) this.#post({ kind: 'stop', id: asked.id })
  }

  #break(error: Error): void {
    this.#broken ??= error
    for (const { failed } of [...(this.#running ? [this.#running] : []), ...this.#waiting]) failed(this.#broken)
    this.#running = null
    this.#waiting = []
  }

  #post(message: ToModel): void {
    this.#worker.postMessage(message)
  }
}
