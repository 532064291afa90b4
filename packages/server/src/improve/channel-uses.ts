import { type Kysely, sql } from 'kysely'
import type { Access, Key } from '../access/index.js'
import type { Channels } from '../channels/index.js'
import type { Tables } from '../store/index.js'
import type { ChannelUses } from './schema.js'

/** Who brings what: the channels that a project is used through, by name. */
export async function channelUses(
  project: string,
  { db, access, channels }: { db: Kysely<Tables>; access: Access; channels: Channels },
): Promise<ChannelUses> {
  const used = await channels.used({ project })
  const labels = await labelsByChannel(db, project)
  const keys = (await allKeys(access)).filter((key) => key.project === null || key.project === project)
  const names = new Set([...used.map((one) => one.channel), ...keys.map((key) => key.channel)])
  const items = [...names].sort().map((name) => {
    const own = keys.filter((key) => key.channel === name)
    const sum = (of: 'predictions' | 'feedback') =>
      used.reduce((total, one) => total + (one.channel === name ? one[of] : 0), 0)
    const times = own.map((key) => key.lastUsedAt?.toISOString() ?? '').sort()
    return {
      name,
      keys: own.filter((key) => key.revokedAt === null).length,
      predictions: sum('predictions'),
      feedback: sum('feedback'),
      labels: labels.get(name) ?? 0,
      lastUsedAt: times.at(-1) || null,
    }
  })
  return { items, next: null }
}

async function labelsByChannel(db: Kysely<Tables>, project: string): Promise<Map<string, number>> {
  const { rows } = await sql<{ channel: string; count: string }>`
    select channel, count(*) as count from feedback where project = ${project} and kind = 'label' group by channel`.execute(
    db,
  )
  return new Map(rows.map(({ channel, count }) => [channel, Number(count)]))
}

async function allKeys(access: Access): Promise<Key[]> {
  const keys: Key[] = []
  let after: string | undefined
  do {
    const page = await access.list({ limit: 200, after })
    keys.push(...page.items)
    after = page.next ?? undefined
  } while (after !== undefined)
  return keys
}
