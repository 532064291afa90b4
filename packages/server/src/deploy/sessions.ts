import type { Row } from '@volant/data'
import type { Prediction } from '@volant/fields'
import { refuse } from '../errors.js'
import type { Log } from '../store/index.js'
import { Session } from './session.js'

/** How long a version that nobody asks stays loaded, in ms. */
const IDLE = 15 * 60_000
/** Loaded versions that are fine; above it those unasked for `BRIEF` ms are closed. */
const MANY = 6
const BRIEF = 20_000

/** The loaded model versions of this process, each in its own worker thread. */
export class Sessions {
  readonly #folderOf: (project: string, version: string) => Promise<string>
  readonly #log: Log
  readonly #sessions = new Map<string, Promise<Session>>()
  readonly #sweep: NodeJS.Timeout

  constructor(folderOf: (project: string, version: string) => Promise<string>, log: Log) {
    this.#folderOf = folderOf
    this.#log = log
    this.#sweep = setInterval(() => void this.#closeIdle(), 60_000).unref()
  }

  /** Loads a version and resolves when it can answer. Throws `unknown-version`, `warming-failed`. */
  async warm(project: string, version: string): Promise<void> {
    await this.#session(project, version)
  }

  /** Answers rows in their order. Throws `queue-full`, `warming-failed`. */
  async predict(project: string, version: string, rows: Row[]): Promise<Prediction[]> {
    for (;;) {
      const session = await this.#session(project, version)
      if (session.usable) return session.predict(rows)
    }
  }

  async close(): Promise<void> {
    clearInterval(this.#sweep)
    const all = [...this.#sessions.values()]
    this.#sessions.clear()
    await Promise.all(all.map((session) => session.then((one) => one.close()).catch(() => undefined)))
  }

  async #session(project: string, version: string): Promise<Session> {
    const kept = this.#sessions.get(version)
    if (kept) {
      const session = await kept
      if (session.usable) return session
      if (this.#sessions.get(version) === kept) this.#sessions.delete(version)
      return this.#session(project, version)
    }
    const opening = this.#open(project, version)
    this.#sessions.set(version, opening)
    opening.then(
      () => this.#closeIdle(),
      () => this.#sessions.delete(version),
    )
    return opening
  }

  async #open(project: string, version: string): Promise<Session> {
    const started = performance.now()
    const session = new Session(await this.#folderOf(project, version))
    try {
      await session.ready()
    } catch (error) {
      await session.close()
      const { message } = error as Error
      throw refuse('warming-failed', `The model version "${version}" could not be loaded: ${message}.`, { version })
    }
    this.#log.info({ project, version, ms: Math.round(performance.now() - started) }, 'model version warm')
    return session
  }

  /** Closes what nobody has asked for long, and above `MANY` also what nobody asks just now, the longest unasked first. */
  async #closeIdle(): Promise<void> {
    const loaded = await Promise.all(
      [...this.#sessions].map(async ([version, opening]) => ({ version, session: await opening.catch(() => null) })),
    )
    const known = loaded.filter((one): one is { version: string; session: Session } => one.session !== null)
    known.sort((a, b) => a.session.usedAt - b.session.usedAt)
    let many = known.length - MANY
    for (const { version, session } of known) {
      if (Date.now() - session.usedAt < (many-- > 0 ? BRIEF : IDLE)) continue
      this.#sessions.delete(version)
      await session.close()
    }
  }
}
