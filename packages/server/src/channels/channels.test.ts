import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { onEachDatabase } from '../store/databases.testing.js'
import { Journal, journalMigrations, type Store } from '../store/index.js'
import { Channels } from './channels.js'
import { QuotaCounter } from './quota.js'
import { channelsMigrations } from './schema.js'
import { channelKinds, dayOf, usageEntry } from './usage.js'

onEachDatabase((database) => {
  let store: Store
  let journal: Journal
  let channels: Channels
  beforeAll(async () => {
    store = await database.store({ migrations: [...journalMigrations, ...channelsMigrations] })
    journal = await Journal.open({ store, kinds: channelKinds })
    channels = await Channels.open({ store })
  })
  afterAll(async () => {
    channels.close()
    await journal.close()
  })

  it('are made once and can be changed', async () => {
    const quota = { predictions: 100, per: 'month' } as const
    const made = await channels.ensure('widget', { kind: 'widget', plan: 'free', quota })
    expect(made).toMatchObject({ name: 'widget', kind: 'widget', plan: 'free', quota })
    expect(await channels.ensure('widget', { kind: 'other' })).toEqual(made)
    expect(await channels.update('widget', { quota: null })).toMatchObject({ plan: 'free', quota: null })
    expect(await channels.update('nobody', { plan: 'x' })).toBeUndefined()
    await channels.ensure('api')
    expect(channels.list().map(({ name }) => name)).toEqual(['api', 'widget'])
  })

  it('count what they used per version and day', async () => {
    const at = new Date('2026-03-31T23:59:59Z')
    const use = { project: 'p', channel: 'widget', version: 'v1' }
    for (let i = 0; i < 10; i++) await journal.append([usageEntry({ ...use, predictions: 3, errors: 1 }, at)])
    await journal.append([
      usageEntry({ ...use, feedback: 2 }, at),
      usageEntry({ ...use, version: 'v2', predictions: 1 }, at),
    ])
    await journal.append([usageEntry({ ...use, predictions: 1 }, new Date('2026-04-01T00:00:00Z'))])
    await journal.append([usageEntry({ ...use, project: 'q', predictions: 1 }, at)])
    await journal.flush()
    const day = '2026-03-31'
    expect(await channels.used({ project: 'p', to: day })).toEqual([
      { ...use, day, predictions: 30, errors: 10, feedback: 2 },
      { ...use, version: 'v2', day, predictions: 1, errors: 0, feedback: 0 },
    ])
    expect(await channels.used({ project: 'p', from: '2026-04-01' })).toHaveLength(1)
  })

  it('refuse what goes over their quota, also after a restart', async () => {
    await channels.ensure('small', { quota: { predictions: 5, per: 'day' } })
    channels.admit('small', 4)
    await journal.append([usageEntry({ project: 'p', channel: 'small', version: 'v1', predictions: 4 })])
    expect(() => channels.admit('small', 2)).toThrow(
      'may make 5 predictions a day: 4 are used and 2 more were asked for',
    )
    channels.admit('small', 1)
    channels.refund('small', 1)
    await journal.flush()
    const again = await Channels.open({ store })
    again.admit('small', 1)
    expect(() => again.admit('small', 1)).toThrow(expect.objectContaining({ code: 'quota-exceeded' }))
    again.close()
  })
})

describe('a quota', () => {
  it('starts anew with the day and the month', () => {
    const counter = new QuotaCounter()
    const quota = { predictions: 10, per: 'month' } as const
    const late = new Date('2026-12-31T23:59:30Z')
    counter.admit('c', quota, 10, late)
    try {
      counter.admit('c', quota, 1, late)
      expect.unreachable()
    } catch (error) {
      expect(error).toMatchObject({
        details: { used: 10, asked: 1, resetsAt: '2027-01-01T00:00:00.000Z', retryAfter: 30 },
      })
    }
    expect(dayOf(late)).toBe('2026-12-31')
    counter.admit('c', quota, 10, new Date('2027-01-01T00:00:00Z'))
    expect(counter.used('day', new Date('2027-01-02T00:00:00Z'))).toBe(0)
  })
})
