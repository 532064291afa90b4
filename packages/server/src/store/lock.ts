import { VolantError } from '@volant/data'

/** Gives the lock back. Calling it twice is harmless. */
export type Release = () => void

interface Waiter {
  readonly label: string
  take(release: Release): void
  refuse(error: Error): void
}

/**
 * A first-come-first-served lock for the one connection that PGlite has. Everybody - the query layer and the job
 * queue - takes it for each statement or transaction, so nobody's statement lands inside another's transaction.
 */
export class Lock {
  #holder: { label: string; since: number } | undefined
  #waiters: Waiter[] = []

  /** `timeoutMs`: how long anybody waits before `store-busy` is thrown. */
  constructor(readonly timeoutMs = 30_000) {}

  /** Waits for the lock; `label` is shown to others who wait for too long. */
  take(label: string): Promise<Release> {
    if (!this.#holder) return Promise.resolve(this.#hold(label))
    return new Promise((resolve, reject) => {
      const waiter: Waiter = {
        label,
        take: (release) => {
          clearTimeout(timer)
          resolve(release)
        },
        refuse: reject,
      }
      const timer = setTimeout(() => {
        this.#waiters = this.#waiters.filter((other) => other !== waiter)
        waiter.refuse(this.#busy(label))
      }, this.timeoutMs)
      this.#waiters.push(waiter)
    })
  }

  /** Runs `body` while holding the lock. */
  async with<T>(label: string, body: () => Promise<T>): Promise<T> {
    const release = await this.take(label)
    try {
      return await body()
    } finally {
      release()
    }
  }

  /** Says what the holder is doing now, for the message of those who wait too long. */
  describe(label: string): void {
    if (this.#holder) this.#holder.label = label
  }

  #hold(label: string): Release {
    const held = { label, since: Date.now() }
    this.#holder = held
    return () => {
      if (this.#holder !== held) return
      this.#holder = undefined
      const next = this.#waiters.shift()
      next?.take(this.#hold(next.label))
    }
  }

  #busy(label: string): VolantError {
    const held = this.#holder
    const seconds = held ? Math.round((Date.now() - held.since) / 1000) : 0
    return new VolantError(
      'store-busy',
      `The database did not take "${label}" within ${this.timeoutMs / 1000} s: "${held?.label}" has held it for ${seconds} s. ` +
        'Inside a transaction use only the transaction, never the outer database.',
      { waiting: label, holder: held?.label, heldSeconds: seconds },
    )
  }
}
