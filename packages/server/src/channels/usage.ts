import { sql } from 'kysely'
import { type JournalEntry, type JournalKind, type JournalRecord, newId } from '../store/index.js'

/** What one request used. */
export interface Usage {
  project: string
  channel: string
  version: string
  /** Rows answered. */
  predictions?: number
  /** Rows that could not be answered. */
  errors?: number
  feedback?: number
}

export interface UsageOfDay extends Required<Usage> {
  /** UTC, `2026-03-31`. */
  day: string
}

/** The UTC day of a moment. */
export function dayOf(at: Date): string {
  return at.toISOString().slice(0, 10)
}

/** Usage as a journal entry: append it together with the predictions or the feedback it counts. */
export function usageEntry(usage: Usage, at = new Date()): JournalEntry {
  return { kind: 'usage', record: { id: newId(at.getTime()), day: dayOf(at), ...usage } }
}

/** The journal kinds of this part. */
export const channelKinds: Readonly<Record<'usage', JournalKind>> = {
  usage: {
    durable: false,
    insert: async (trx, records) => {
      const sums = summed(records)
      const column = (name: keyof UsageOfDay) => sql`${sums.map((sum) => String(sum[name]))}::text[]`
      await sql`
        insert into channel_usage (project, channel, version, day, predictions, errors, feedback)
        select project, channel, version, day, predictions::bigint, errors::bigint, feedback::bigint
        from unnest(${column('project')}, ${column('channel')}, ${column('version')}, ${column('day')},
          ${column('predictions')}, ${column('errors')}, ${column('feedback')})
          as used(project, channel, version, day, predictions, errors, feedback)
        on conflict (project, channel, version, day) do update set
          predictions = channel_usage.predictions + excluded.predictions,
          errors = channel_usage.errors + excluded.errors,
          feedback = channel_usage.feedback + excluded.feedback`.execute(trx)
    },
  },
}

/** One row per project, channel, version and day, in the same order everywhere so that servers do not lock each other. */
function summed(records: readonly JournalRecord[]): UsageOfDay[] {
  const sums = new Map<string, UsageOfDay>()
  for (const {
    project,
    channel,
    version,
    day,
    predictions = 0,
    errors = 0,
    feedback = 0,
  } of records as unknown as UsageOfDay[]) {
    const key = JSON.stringify([project, channel, version, day])
    const sum = sums.get(key) ?? { project, channel, version, day, predictions: 0, errors: 0, feedback: 0 }
    sum.predictions += predictions
    sum.errors += errors
    sum.feedback += feedback
    sums.set(key, sum)
  }
  return [...sums].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, sum]) => sum)
}
