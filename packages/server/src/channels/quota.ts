import { VolantError } from '@volant/data'

/** How many predictions a channel may make in a UTC day or month. */
export interface Quota {
  predictions: number
  per: 'day' | 'month'
}

interface Count {
  period: string
  used: number
}

/** Counts what a channel used in the current day and month (UTC), and refuses what goes over its quota. */
export class QuotaCounter {
  readonly #counts: Record<Quota['per'], Count> = { day: { period: '', used: 0 }, month: { period: '', used: 0 } }

  /** Throws `quota-exceeded` {channel, quota, used, resetsAt, retryAfter} and counts nothing, or counts `predictions`. */
  admit(channel: string, quota: Quota | null, predictions: number, at = new Date()): void {
    const day = this.#count('day', at)
    const month = this.#count('month', at)
    if (quota) {
      const { used } = quota.per === 'day' ? day : month
      if (used + predictions > quota.predictions) throw exceeded(channel, quota, used, predictions, at)
    }
    day.used += predictions
    month.used += predictions
  }

  /** Takes predictions back that were admitted and not made. */
  refund(predictions: number, at = new Date()): void {
    for (const per of ['day', 'month'] as const) {
      const count = this.#count(per, at)
      count.used = Math.max(0, count.used - predictions)
    }
  }

  /** Takes over a count from the database when it is higher: other servers count there too. */
  atLeast(used: Record<Quota['per'], number>, at = new Date()): void {
    for (const per of ['day', 'month'] as const) {
      const count = this.#count(per, at)
      count.used = Math.max(count.used, used[per])
    }
  }

  used(per: Quota['per'], at = new Date()): number {
    return this.#count(per, at).used
  }

  #count(per: Quota['per'], at: Date): Count {
    const period = at.toISOString().slice(0, per === 'day' ? 10 : 7)
    const count = this.#counts[per]
    if (count.period !== period) Object.assign(count, { period, used: 0 })
    return count
  }
}

function exceeded(channel: string, quota: Quota, used: number, asked: number, at: Date): VolantError {
  const resets =
    quota.per === 'day'
      ? Date.UTC(at.getUTCFullYear(), at.getUTCMonth(), at.getUTCDate() + 1)
      : Date.UTC(at.getUTCFullYear(), at.getUTCMonth() + 1, 1)
  const resetsAt = new Date(resets).toISOString()
  const sentence = `Channel "${channel}" may make ${quota.predictions} predictions a ${quota.per}: ${used} are used and ${asked} more were asked for. The count starts anew at ${resetsAt}.`
  return new VolantError('quota-exceeded', sentence, {
    channel,
    quota,
    used,
    asked,
    resetsAt,
    retryAfter: Math.ceil((resets - at.getTime()) / 1000),
  })
}
