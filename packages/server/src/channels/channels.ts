import { type Kysely, sql } from 'kysely'
import { type Log, type Store, silent, type Tables } from '../store/index.js'
import { type Quota, QuotaCounter } from './quota.js'
import { type TokenUseOfDay, usedTokens } from './tokens.js'
import { dayOf, type UsageOfDay } from './usage.js'

/** How a model reaches its users. */
export interface Channel {
  name: string
  /** `api`, `widget`, `partner`, …: free words. */
  kind: string
  plan: string | null
  quota: Quota | null
  createdAt: Date
  updatedAt: Date
}

export interface ChannelSettings {
  kind?: string
  plan?: string | null
  quota?: Quota | null
}

/** How often the counts of other servers on the same database are looked up. */
const refreshMs = 10_000

/** The channels, their quotas, and what they used. */
export class Channels {
  readonly #store: Store
  readonly #channels = new Map<string, Channel>()
  readonly #counters = new Map<string, QuotaCounter>()
  #timer: NodeJS.Timeout | undefined

  private constructor(store: Store) {
    this.#store = store
  }

  /** Open it after the journal, which first counts what a killed server left. */
  static async open({ store, log = silent }: { store: Store; log?: Log }): Promise<Channels> {
    const channels = new Channels(store)
    await channels.#refresh()
    if (store.kind === 'postgres') {
      channels.#timer = setInterval(() => {
        channels.#refresh().catch((error) => log.warn({ err: error }, 'channels not refreshed'))
      }, refreshMs).unref()
    }
    return channels
  }

  /** The channel of that name, made with `settings` when it is new. */
  async ensure(name: string, { kind = 'api', plan = null, quota = null }: ChannelSettings = {}): Promise<Channel> {
    const known = this.#channels.get(name)
    if (known) return known
    await this.#store.db
      .insertInto('channels')
      .values({ name, kind, plan, ...quotaColumns(quota) })
      .onConflict((conflict) => conflict.column('name').doNothing())
      .execute()
    return (await this.#reread(name))!
  }

  /** Changes what is given; undefined when there is no such channel. */
  async update(name: string, { kind, plan, quota }: ChannelSettings): Promise<Channel | undefined> {
    await this.#store.db
      .updateTable('channels')
      .set({
        ...(kind !== undefined && { kind }),
        ...(plan !== undefined && { plan }),
        ...(quota !== undefined && quotaColumns(quota)),
        updated_at: sql<Date>`now()`,
      })
      .where('name', '=', name)
      .execute()
    return await this.#reread(name)
  }

  /** Forgets the settings of a channel; what it used stays. False when there is no such channel. */
  async remove(name: string): Promise<boolean> {
    const { numDeletedRows } = await this.#store.db.deleteFrom('channels').where('name', '=', name).executeTakeFirst()
    this.#channels.delete(name)
    return numDeletedRows > 0n
  }

  get(name: string): Channel | undefined {
    return this.#channels.get(name)
  }

  /** All channels by name. */
  list(): Channel[] {
    return [...this.#channels.values()].sort((a, b) => (a.name < b.name ? -1 : 1))
  }

  /**
   * Counts predictions before they are made. Throws `quota-exceeded` and counts nothing when they go over the channel's
   * quota. With several servers on one database a quota may be passed by what the others admit in 10 seconds.
   */
  admit(channel: string, predictions: number): void {
    this.#counter(channel).admit(channel, this.#channels.get(channel)?.quota ?? null, predictions)
  }

  /** Takes predictions back that were admitted and could not be made. */
  refund(channel: string, predictions: number): void {
    this.#counter(channel).refund(predictions)
  }

  /** Usage per channel, version and day (UTC, `from` and `to` included), as far as it is in the database. */
  async used({ project, from, to }: { project: string; from?: string; to?: string }): Promise<UsageOfDay[]> {
    let query = this.#store.db.selectFrom('channel_usage').selectAll().where('project', '=', project)
    if (from !== undefined) query = query.where('day', '>=', from)
    if (to !== undefined) query = query.where('day', '<=', to)
    const rows = await query.orderBy('day').orderBy('channel').orderBy('version').execute()
    return rows.map((row) => ({
      ...row,
      predictions: Number(row.predictions),
      errors: Number(row.errors),
      feedback: Number(row.feedback),
    }))
  }

  /** Use of language models per day, channel, key and model (UTC, `from` and `to` included), as far as it is in the database. */
  usedTokens(days: { from?: string | undefined; to?: string | undefined }): Promise<TokenUseOfDay[]> {
    return usedTokens(this.#store.db, days)
  }

  /** Removes the usage of a project, so that the next of its name starts anew. What a running process counted for quotas stays. */
  async forget(trx: Kysely<Tables>, project: string): Promise<void> {
    await trx.deleteFrom('channel_usage').where('project', '=', project).execute()
  }

  close(): void {
    clearInterval(this.#timer)
  }

  #counter(channel: string): QuotaCounter {
    let counter = this.#counters.get(channel)
    if (!counter) {
      counter = new QuotaCounter()
      this.#counters.set(channel, counter)
    }
    return counter
  }

  async #reread(name: string): Promise<Channel | undefined> {
    const row = await this.#store.db.selectFrom('channels').selectAll().where('name', '=', name).executeTakeFirst()
    if (row) this.#channels.set(name, shown(row))
    return this.#channels.get(name)
  }

  async #refresh(): Promise<void> {
    const { db } = this.#store
    const now = new Date()
    const today = dayOf(now)
    const rows = await db.selectFrom('channels').selectAll().execute()
    this.#channels.clear()
    for (const row of rows) this.#channels.set(row.name, shown(row))
    const { rows: sums } = await sql<{ channel: string; day: string | null; month: string }>`
      select channel, sum(predictions) filter (where day = ${today}) as day, sum(predictions) as month
      from (
        select channel, day, predictions from channel_usage
        union all select channel, day, predictions from token_usage
      ) as used
      where day >= ${`${today.slice(0, 7)}-01`} and day <= ${today} group by channel`.execute(db)
    for (const { channel, day, month } of sums) {
      this.#counter(channel).atLeast({ day: Number(day ?? 0), month: Number(month) }, now)
    }
  }
}

function quotaColumns(quota: Quota | null): { quota_predictions: string | null; quota_per: Quota['per'] | null } {
  return { quota_predictions: quota && String(quota.predictions), quota_per: quota?.per ?? null }
}

function shown(row: {
  name: string
  kind: string
  plan: string | null
  quota_predictions: string | null
  quota_per: Quota['per'] | null
  created_at: Date
  updated_at: Date
}): Channel {
  const { quota_predictions: predictions, quota_per: per } = row
  return {
    name: row.name,
    kind: row.kind,
    plan: row.plan,
    quota: predictions !== null && per !== null ? { predictions: Number(predictions), per } : null,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  }
}
