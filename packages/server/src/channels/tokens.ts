import { type Kysely, sql } from 'kysely'
import { type JournalEntry, type JournalKind, type JournalRecord, newId, type Tables } from '../store/index.js'
import { dayOf } from './usage.js'

/** What one request to a language model used. */
export interface TokenUse {
  channel: string
  /** The id of the key; '' where none was needed. */
  key: string
  model: string
  /** What counts for the quota: texts written, texts embedded. */
  predictions: number
  promptTokens: number
  completionTokens: number
}

export interface TokenUseOfDay extends TokenUse {
  /** UTC, `2026-03-31`. */
  day: string
}

/** Use as a journal entry. */
export function tokenEntry(use: TokenUse, at = new Date()): JournalEntry {
  return { kind: 'tokens', record: { id: newId(at.getTime()), day: dayOf(at), ...use } }
}

/** The journal kind of tokens. */
export const tokenKinds: Readonly<Record<'tokens', JournalKind>> = { tokens: { durable: false, insert } }

async function insert(trx: Kysely<Tables>, records: readonly JournalRecord[]): Promise<void> {
  const sums = summed(records)
  const column = (name: keyof TokenUseOfDay) => sql`${sums.map((sum) => String(sum[name]))}::text[]`
  await sql`
    insert into token_usage (channel, key, model, day, predictions, prompt_tokens, completion_tokens)
    select channel, key, model, day, predictions::bigint, prompt_tokens::bigint, completion_tokens::bigint
    from unnest(${column('channel')}, ${column('key')}, ${column('model')}, ${column('day')},
      ${column('predictions')}, ${column('promptTokens')}, ${column('completionTokens')})
      as used(channel, key, model, day, predictions, prompt_tokens, completion_tokens)
    on conflict (channel, key, model, day) do update set
      predictions = token_usage.predictions + excluded.predictions,
      prompt_tokens = token_usage.prompt_tokens + excluded.prompt_tokens,
      completion_tokens = token_usage.completion_tokens + excluded.completion_tokens`.execute(trx)
}

/** One row per channel, key, model and day, in the same order everywhere so that servers do not lock each other. */
function summed(records: readonly JournalRecord[]): TokenUseOfDay[] {
  const sums = new Map<string, TokenUseOfDay>()
  for (const { channel, key, model, day, ...counts } of records as unknown as TokenUseOfDay[]) {
    const place = JSON.stringify([channel, key, model, day])
    const sum = sums.get(place) ?? {
      ...{ channel, key, model, day },
      ...{ predictions: 0, promptTokens: 0, completionTokens: 0 },
    }
    sum.predictions += counts.predictions
    sum.promptTokens += counts.promptTokens
    sum.completionTokens += counts.completionTokens
    sums.set(place, sum)
  }
  return [...sums].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, sum]) => sum)
}

/** Use per day, channel, key and model (UTC, `from` and `to` included), as far as it is in the database. */
export async function usedTokens(
  db: Kysely<Tables>,
  { from, to }: { from?: string | undefined; to?: string | undefined },
): Promise<TokenUseOfDay[]> {
  let query = db.selectFrom('token_usage').selectAll()
  if (from !== undefined) query = query.where('day', '>=', from)
  if (to !== undefined) query = query.where('day', '<=', to)
  const rows = await query.orderBy('day').orderBy('channel').orderBy('key').orderBy('model').execute()
  return rows.map(({ channel, key, model, day, ...counts }) => ({
    ...{ channel, key, model, day },
    predictions: Number(counts.predictions),
    promptTokens: Number(counts.prompt_tokens),
    completionTokens: Number(counts.completion_tokens),
  }))
}
