import { EventEmitter } from 'node:events'
import { VolantError } from '@volant/data'
import { sql, type Transaction } from 'kysely'
import { fromKysely, fromPglite, type JobResult, type JobWithMetadata, PgBoss } from 'pg-boss'
import { placesHidden } from '../places.js'
import { type Log, type Store, silent, type Tables } from '../store/index.js'
import { type LogLine, type Progress, ProgressWriter, readLog, readProgress } from './progress.js'
import { type Payload, type QueueName, queues } from './queues.js'

/** A job as a handler sees it. */
export interface RunningJob<Q extends QueueName> {
  id: string
  payload: Payload<Q>
  /** 1 on the first try. */
  attempt: number
  /** Aborts when the job is cancelled or the server stops. */
  signal: AbortSignal
  /** Shown at once to those who watch, stored within half a second. */
  progress(report: Partial<Progress> & { log?: string }): void
  /** Stores what was reported so far: for a handler that makes its result visible before it returns. */
  flush(): Promise<void>
}

export interface JobView {
  id: string
  queue: QueueName
  state: 'waiting' | 'running' | 'done' | 'failed' | 'cancelled'
  attempt: number
  progress: Progress
  /** What the handler returned. */
  result: unknown
  /** Why it failed, in one sentence. */
  reason: string | null
  createdAt: Date
  startedAt: Date | null
  endedAt: Date | null
}

export interface FailedJob<Q extends QueueName> {
  id: string
  payload: Payload<Q>
  reason: string
  /** The code of the error that ended it, or `job-failed`. */
  code: string
}

export interface SendOptions {
  /** The job exists only when this transaction commits. */
  trx?: Transaction<Tables>
  /** Seconds to wait before it may start. */
  startAfter?: number
}

export interface WorkOptions<Q extends QueueName> {
  /** How many run at the same time in this process; default 1. */
  concurrency?: number
  /**
   * Called when a job has failed for good - also when its process was killed too often - so that what waits for it can
   * end with the reason. Called at least once, perhaps after a restart: make it harmless to repeat.
   */
  onFailed?: (job: FailedJob<Q>) => Promise<void>
}

/** Ends the job with this reason; it is not tried again. Any VolantError that is not of the passing kind does the same. */
export class JobFailed extends Error {}

/** Errors that may be gone at the next try. */
const passing = new Set(['child-lost', 'store-busy', 'database-closed', 'disk-full', 'journal-behind', 'stopped'])

const states: Record<string, JobView['state']> = {
  created: 'waiting',
  retry: 'waiting',
  active: 'running',
  completed: 'done',
  cancelled: 'cancelled',
  failed: 'failed',
}

/** NOTIFY wakes workers for new jobs only; tries after a failure and failed jobs are found by asking. */
const askEvery = { pollingIntervalSeconds: 1, notifyPollingIntervalSeconds: 1 }

const stopReason = 'The server was stopped while this was running.'

/**
 * Durable background work on the store's database (pg-boss). A job whose process dies is tried again, or ends with a
 * reason when it was tried often enough: at once when the same data folder is opened again, else when its heartbeat
 * (10 s) has been missing.
 */
export class Jobs extends EventEmitter<{ change: [id: string, queue: QueueName, progress: Progress] }> {
  readonly #running = new Map<string, { stop: AbortController; progress: () => Progress; done: Promise<unknown> }>()
  readonly #hide: (text: string) => string
  #stopping = false

  private constructor(
    readonly store: Store,
    readonly boss: PgBoss,
    readonly log: Log,
  ) {
    super()
    this.#hide = placesHidden(store.folder)
  }

  /** Starts the queues and takes back what a killed process of this data folder was running. */
  static async start({ store, log = silent }: { store: Store; log?: Log }): Promise<Jobs> {
    const { database } = store
    const boss = new PgBoss({
      ...(database.kind === 'pglite'
        ? { db: fromPglite(database.pglite), backend: 'pglite' as const, reindex: false, monitorVacuum: false }
        : { connectionString: database.url, max: 4 }),
      useListenNotify: true,
      schedule: false,
      // A dead worker is noticed after its heartbeat and one of these.
      superviseIntervalSeconds: 5,
      monitorIntervalSeconds: 5,
    })
    boss.on('error', (error) => log.error({ err: error }, 'job queue'))
    boss.on('warning', (warning) => log.warn({ warning }, 'job queue'))
    await boss.start()
    const jobs = new Jobs(store, boss, log)
    for (const name of Object.keys(queues) as QueueName[]) await jobs.#declare(name)
    await jobs.#takeBack()
    return jobs
  }

  /** Queues a job; returns its id, or null when one with the same key waits or runs already. */
  async send<Q extends QueueName>(queue: Q, payload: Payload<Q>, options: SendOptions = {}): Promise<string | null> {
    const row = queues[queue]
    const data = row.payload.parse(payload)
    return await this.boss.send(queue, data, {
      ...(options.trx && { db: fromKysely(options.trx) }),
      ...(options.startAfter !== undefined && { startAfter: options.startAfter }),
      ...('key' in row && { singletonKey: row.key(data as Parameters<typeof row.key>[0]) }),
    })
  }

  /** Works on a queue in this process. */
  async work<Q extends QueueName>(
    queue: Q,
    handler: (job: RunningJob<Q>) => Promise<unknown>,
    { concurrency = 1, onFailed }: WorkOptions<Q> = {},
  ): Promise<void> {
    const options = { includeMetadata: true, perJobResults: true, localConcurrency: concurrency, ...askEvery } as const
    await this.boss.work<Payload<Q>, unknown, typeof options>(queue, options, async ([job]) => [
      await this.#run(queue, job!, handler),
    ])
    if (!onFailed) return
    await this.boss.work<Payload<Q>, unknown, { includeMetadata: true }>(
      failedQueue(queue),
      { includeMetadata: true, ...askEvery },
      async ([job]) => {
        const { reason, code } = this.#failure(job!.sourceOutput)
        await onFailed({ id: job!.sourceId ?? job!.id, payload: job!.data, reason, code })
      },
    )
  }

  /** Ends a job that waits or runs: true when there was something to end. A running one sees its signal abort. */
  async cancel(queue: QueueName, id: string): Promise<boolean> {
    const before = await this.boss.getJobById(queue, id)
    if (!before || !['created', 'retry', 'active'].includes(before.state)) return false
    await this.boss.cancel(queue, id)
    const running = this.#running.get(id)
    running?.stop.abort(new VolantError('cancelled', 'The job was cancelled.'))
    await running?.done
    return (await this.boss.getJobById(queue, id))?.state === 'cancelled'
  }

  async get(queue: QueueName, id: string): Promise<JobView | undefined> {
    const job = await this.boss.getJobById<object>(queue, id)
    if (!job) return undefined
    const state = states[job.state]!
    const progress = this.#running.get(id)?.progress() ?? (await readProgress(this.store, id))
    return {
      id,
      queue,
      state,
      attempt: job.retryCount + 1,
      progress,
      result: state === 'done' ? (job.output as { value?: unknown } | null)?.value : undefined,
      reason: state === 'failed' ? this.#failure(job.output).reason : null,
      createdAt: job.createdOn,
      startedAt: job.startedOn,
      endedAt: job.completedOn,
    }
  }

  /** The last 1,000 lines a job has logged, those after line `after`. */
  lines(id: string, after?: number): Promise<{ lines: LogLine[]; next: number }> {
    return readLog(this.store, id, after)
  }

  /** Stops taking jobs, aborts those that run (they are tried again at the next start) and waits for them. */
  async stop({ timeoutMs = 20_000 } = {}): Promise<void> {
    this.#stopping = true
    const stopped = this.boss.stop({ graceful: true, timeout: timeoutMs })
    for (const { stop } of this.#running.values()) stop.abort(new VolantError('stopped', stopReason))
    await stopped
  }

  #failure(output: unknown): { reason: string; code: string } {
    const { reason, code } = failureOf(output)
    return { reason: this.#hide(reason), code }
  }

  async #declare(name: QueueName): Promise<void> {
    const { attempts, retryDelay } = queues[name]
    const retry = { retryBackoff: true, retryDelayMax: 60 }
    await this.#put(failedQueue(name), { retryLimit: 10, retryDelay: 1, ...retry })
    await this.#put(name, {
      policy: 'key' in queues[name] ? 'exclusive' : 'standard',
      retryLimit: attempts - 1,
      retryDelay,
      ...retry,
      deadLetter: failedQueue(name),
      heartbeatSeconds: 10,
      expireInSeconds: 24 * 3600 - 60,
    })
  }

  async #put(name: string, options: object): Promise<void> {
    const settings = { notify: true, deleteAfterSeconds: 30 * 24 * 3600, ...options }
    await this.boss.createQueue(name, settings)
    // Settings of a queue made by an earlier version; its policy cannot change.
    const { policy: _policy, ...changeable } = settings as Record<string, unknown>
    await this.boss.updateQueue(name, changeable)
    // Fills pg-boss' cache: `send` inside a transaction must not ask over another connection.
    await this.boss.getJobById(name, '00000000-0000-0000-0000-000000000000')
  }

  /** Ends the attempts that a killed process of this data folder has left running. */
  async #takeBack(): Promise<void> {
    const alone = this.store.kind === 'pglite'
    const { rows } = await sql<{ id: string; name: string }>`
      select job.id::text as id, job.name
      from pgboss.job left join job_progress on job_progress.job = job.id::text
      where job.state = 'active' and (${alone} or job_progress.owner = ${this.store.id})`.execute(this.store.db)
    for (const { id, name } of rows) {
      await this.boss.fail(name, id, { reason: 'The server was killed while this was running.', code: 'server-killed' })
      this.log.warn({ job: id, queue: name }, 'a job of a killed server was taken back')
    }
  }

  async #run<Q extends QueueName>(
    queue: Q,
    job: JobWithMetadata<Payload<Q>>,
    handler: (job: RunningJob<Q>) => Promise<unknown>,
  ): Promise<JobResult> {
    const stop = new AbortController()
    let writer: ProgressWriter | undefined
    const progress = (): Progress => writer?.progress ?? { share: null, stage: null, secondsLeft: null }
    const tell = (): unknown => this.emit('change', job.id, queue, progress())
    const done = this.#attempt(job, async () => {
      if (this.#stopping) throw new VolantError('stopped', stopReason)
      const opened = await ProgressWriter.open(this.store, job.id, (error) =>
        this.log.warn({ err: error, job: job.id }, 'progress was not stored'),
      )
      writer = opened
      stop.signal.throwIfAborted()
      tell()
      return await handler({
        id: job.id,
        payload: job.data,
        attempt: job.retryCount + 1,
        signal: AbortSignal.any([stop.signal, job.signal]),
        progress: (report) => {
          opened.report(report)
          tell()
        },
        flush: () => opened.flush(),
      })
    })
    this.#running.set(job.id, { stop, progress, done })
    try {
      return await done
    } finally {
      await writer?.flush()
      this.#running.delete(job.id)
      setImmediate(tell)
    }
  }

  async #attempt(job: JobWithMetadata<object>, body: () => Promise<unknown>): Promise<JobResult> {
    try {
      return { id: job.id, status: 'completed', output: { value: await body() } }
    } catch (error) {
      const { message, code = 'job-failed', stack } = error as Error & { code?: string }
      const final = error instanceof JobFailed || (error instanceof VolantError && !passing.has(code))
      if (!final && code !== 'stopped')
        this.log.warn({ err: error, job: job.id, queue: job.name }, 'a job failed and may be tried again')
      return { id: job.id, status: final ? 'deadletter' : 'failed', output: { reason: message, code, stack } }
    }
  }
}

function failedQueue(name: QueueName): string {
  return `${name}-failed`
}

/** The reason in what pg-boss kept of a failed attempt: ours, or its own words in `value`. */
function failureOf(output: unknown): { reason: string; code: string } {
  const { reason, code, message, value } = (output ?? {}) as Record<string, unknown> & { value?: { message?: string } }
  const said = String(reason ?? message ?? value?.message ?? 'It failed without a reason.')
  if (said === 'job heartbeat timeout')
    return { reason: 'The server that ran this stopped answering.', code: 'server-lost' }
  if (said === 'job timed out') return { reason: 'It ran for more than a day.', code: 'too-long' }
  return { reason: said, code: String(code ?? 'job-failed') }
}
