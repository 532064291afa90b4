import type { Row } from '@volant/data'
import type { Prediction } from '@volant/fields'
import { refuse } from '../errors.js'
import type { Log } from '../store/index.js'
import { Session } from './session.js'

/** How long a version that nobody asks stays loaded, in ms. */
const IDLE = 15 * 60_000

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
    const session = await this.#session(project, version)
    return session.predict(rows)
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
      if (!session.broken) return session
      if (this.#sessions.get(version) === kept) this.#sessions.delete(version)
      return this.#session(project, version)
    }
    const opening = this.#open(project, version)
    this.#sessions.set(version, opening)
    opening.catch(() => this.#sessions.delete(version))
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

  async #closeIdle(): Promise<void> {
    for (const [version, opening] of this.#sessions) {
      const session = await opening.catch(() => null)
      if (!session || Date.now() - session.usedAt < IDLE) continue
      this.#sessions.delete(version)
      await session.close()
    }
  }
}
