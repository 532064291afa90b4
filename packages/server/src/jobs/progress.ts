import { sql } from 'kysely'
import { insertMany, type Store } from '../store/index.js'

/** How far a job is. `share` is 0..1. */
export interface Progress {
  share: number | null
  stage: string | null
  secondsLeft: number | null
}

export interface LogLine {
  n: number
  at: Date
  text: string
}

const writeEveryMs = 500
const linesKept = 1000

/** Writes a running job's progress and log to the database, at most twice a second. */
export class ProgressWriter {
  #progress: Progress = { share: null, stage: null, secondsLeft: null }
  #changed = false
  #lines: LogLine[] = []
  #nextLine = 1
  #timer: NodeJS.Timeout | undefined
  #writing: Promise<void> = Promise.resolve()

  private constructor(
    readonly store: Store,
    readonly job: string,
    readonly onError: (error: Error) => void,
  ) {}

  /** Marks the job as run by this store's server; the log goes on where an earlier attempt left it. */
  static async open(store: Store, job: string, onError: (error: Error) => void): Promise<ProgressWriter> {
    const writer = new ProgressWriter(store, job, onError)
    await store.db
      .insertInto('job_progress')
      .values({ job, owner: store.id, share: null, stage: null, seconds_left: null })
      .onConflict((conflict) =>
        conflict
          .column('job')
          .doUpdateSet({ owner: store.id, share: null, stage: null, seconds_left: null, updated_at: sql`now()` }),
      )
      .execute()
    const last = await store.db
      .selectFrom('job_log')
      .select(({ fn }) => fn.max('n').as('n'))
      .where('job', '=', job)
      .executeTakeFirst()
    writer.#nextLine = (last?.n ?? 0) + 1
    return writer
  }

  get progress(): Progress {
    return this.#progress
  }

  report({ log, ...progress }: Partial<Progress> & { log?: string }): void {
    if (Object.keys(progress).length > 0) {
      this.#progress = { ...this.#progress, ...progress }
      this.#changed = true
    }
    for (const text of log?.split('\n') ?? []) this.#lines.push({ n: this.#nextLine++, at: new Date(), text })
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined
      void this.#write()
    }, writeEveryMs)
  }

  /** Writes what is left. */
  async flush(): Promise<void> {
    clearTimeout(this.#timer)
    this.#timer = undefined
    await this.#write()
  }

  #write(): Promise<void> {
    this.#writing = this.#writing.then(() => this.#writeNow()).catch(this.onError)
    return this.#writing
  }

  async #writeNow(): Promise<void> {
    const { db } = this.store
    if (this.#changed) {
      this.#changed = false
      const { share, stage, secondsLeft } = this.#progress
      await db
        .updateTable('job_progress')
        .set({ share, stage, seconds_left: secondsLeft, updated_at: sql`now()` })
        .where('job', '=', this.job)
        .execute()
    }
    const lines = this.#lines.splice(0).slice(-linesKept)
    if (lines.length === 0) return
    const rows = lines.map((line) => ({ job: this.job, ...line }))
    await insertMany(db, 'job_log', { job: 'text', n: 'int4', at: 'timestamptz', text: 'text' }, rows)
    await db
      .deleteFrom('job_log')
      .where('job', '=', this.job)
      .where('n', '<=', this.#nextLine - 1 - linesKept)
      .execute()
  }
}

/** What was last written about a job. */
export async function readProgress(store: Store, job: string): Promise<Progress> {
  const row = await store.db
    .selectFrom('job_progress')
    .select(['share', 'stage', 'seconds_left as secondsLeft'])
    .where('job', '=', job)
    .executeTakeFirst()
  return row ?? { share: null, stage: null, secondsLeft: null }
}

/** Lines of a job's log after line `after`; the last 1,000 are kept. */
export async function readLog(store: Store, job: string, after = 0): Promise<{ lines: LogLine[]; next: number }> {
  const lines = await store.db
    .selectFrom('job_log')
    .select(['n', 'at', 'text'])
    .where('job', '=', job)
    .where('n', '>', after)
    .orderBy('n')
    .execute()
  return { lines, next: lines.at(-1)?.n ?? after }
}
