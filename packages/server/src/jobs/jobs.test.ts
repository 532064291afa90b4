import { setTimeout as pause } from 'node:timers/promises'
import { VolantError } from '@volant/data'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { onEachDatabase } from '../store/databases.testing.js'
import type { Store } from '../store/index.js'
import { type FailedJob, JobFailed, Jobs, type JobView } from './jobs.js'
import type { QueueName } from './queues.js'
import { jobsMigrations } from './schema.js'

async function ended(jobs: Jobs, queue: QueueName, id: string): Promise<JobView> {
  for (;;) {
    const view = (await jobs.get(queue, id))!
    if (!['waiting', 'running'].includes(view.state)) return view
    await pause(30)
  }
}

async function until(true_: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await true_())) await pause(20)
}

onEachDatabase((database) => {
  let store: Store
  let jobs: Jobs
  const failures: FailedJob<'train'>[] = []
  const handlers = new Map<string, Parameters<Jobs['work']>[1]>()

  beforeAll(async () => {
    store = await database.store({ migrations: jobsMigrations })
    jobs = await Jobs.start({ store })
    await jobs.work('train', async (job) => await handlers.get((job.payload as { run: string }).run)!(job), {
      concurrency: 2,
      onFailed: async (job) => void failures.push(job),
    })
  })
  afterAll(() => jobs.stop())

  const run = async (name: string, handler: Parameters<Jobs['work']>[1]): Promise<string> => {
    handlers.set(name, handler)
    return (await jobs.send('train', { project: 'p', run: name }))!
  }

  it('runs a job soon, stores its progress, log and result', async () => {
    const seen: unknown[] = []
    jobs.on('change', (id, queue, progress) => seen.push({ id, queue, ...progress }))
    const sent = Date.now()
    let began = 0
    const id = await run('simple', async ({ progress, payload, attempt }) => {
      began = Date.now()
      progress({ share: 0.5, stage: 'fitting', secondsLeft: 3, log: 'one\ntwo' })
      return { payload, attempt }
    })
    const view = await ended(jobs, 'train', id)
    expect(began - sent).toBeLessThan(1500)
    expect(view).toMatchObject({
      state: 'done',
      attempt: 1,
      progress: { share: 0.5, stage: 'fitting', secondsLeft: 3 },
      result: { payload: { project: 'p', run: 'simple' }, attempt: 1 },
      reason: null,
    })
    expect(seen).toContainEqual({ id, queue: 'train', share: 0.5, stage: 'fitting', secondsLeft: 3 })
    expect((await jobs.lines(id)).lines.map(({ n, text }) => [n, text])).toEqual([
      [1, 'one'],
      [2, 'two'],
    ])
    expect(await jobs.lines(id, 1)).toMatchObject({ lines: [{ text: 'two' }], next: 2 })
  })

  it("refuses a payload that is not the queue's", async () => {
    await expect(jobs.send('train', { project: 'p' } as never)).rejects.toThrow(/run/)
  })

  it('sends with a transaction or not at all', async () => {
    handlers.set('trx', async () => 'ran')
    const payload = { project: 'p', run: 'trx' }
    let id: string | null = null
    const undone = store.db.transaction().execute(async (trx) => {
      id = await jobs.send('train', payload, { trx })
      throw new Error('undo')
    })
    await expect(undone).rejects.toThrow('undo')
    expect(await jobs.get('train', id!)).toBeUndefined()
    const kept = await store.db.transaction().execute(async (trx) => await jobs.send('train', payload, { trx }))
    expect((await ended(jobs, 'train', kept!)).result).toBe('ran')
  })

  it('tries again after a passing error', async () => {
    const id = await run('flaky', async ({ attempt }) => {
      if (attempt === 1) throw new Error('not yet')
      return attempt
    })
    expect(await ended(jobs, 'train', id)).toMatchObject({ state: 'done', result: 2 })
  })

  it('ends at once with the reason when the work says so', async () => {
    const tries: number[] = []
    const id = await run('wrong', async ({ attempt }) => {
      tries.push(attempt)
      throw new VolantError('one-class', 'Column "y" has one value only.')
    })
    expect(await ended(jobs, 'train', id)).toMatchObject({ state: 'failed', reason: 'Column "y" has one value only.' })
    const other = await run('stopped-by-hand', async () => {
      throw new JobFailed('No rows.')
    })
    await ended(jobs, 'train', other)
    await until(() => failures.length >= 2)
    expect(tries).toEqual([1])
    const payload = { project: 'p', run: 'wrong' }
    expect(failures).toContainEqual({ id, payload, reason: 'Column "y" has one value only.', code: 'one-class' })
    expect(failures).toContainEqual({
      id: other,
      payload: { project: 'p', run: 'stopped-by-hand' },
      reason: 'No rows.',
      code: 'job-failed',
    })
  })

  it('cancels a running and a waiting job', async () => {
    let aborted = false
    let running = false
    const id = await run('long', async ({ signal }) => {
      running = true
      await pause(20_000, undefined, { signal }).catch(() => {})
      aborted = signal.aborted
    })
    await until(() => running)
    expect(await jobs.cancel('train', id)).toBe(true)
    expect(aborted).toBe(true)
    expect((await jobs.get('train', id))!.state).toBe('cancelled')
    expect(await jobs.cancel('train', id)).toBe(false)
    handlers.set('later', async () => {})
    const later = (await jobs.send('train', { project: 'p', run: 'later' }, { startAfter: 60 }))!
    expect(await jobs.cancel('train', later)).toBe(true)
    await pause(1500)
    expect(failures.map((failure) => failure.id)).not.toContain(id)
    expect((await jobs.get('train', later))!.state).toBe('cancelled')
  })

  it('lets one job per key wait or run', async () => {
    const send = (project: string) => jobs.send('improve', { project, iteration: 'i' })
    expect(await send('a')).toEqual(expect.any(String))
    expect(await send('a')).toBeNull()
    expect(await send('b')).toEqual(expect.any(String))
  })

  describe('a stop', () => {
    it('aborts what runs, and the next start tries it again', async () => {
      const place = await database.fresh()
      const { openStore } = await import('../store/index.js')
      const open = async () => {
        const store = await openStore({ ...place, migrations: jobsMigrations, backups: false })
        return { store, jobs: await Jobs.start({ store }) }
      }
      const first = await open()
      let running = false
      await first.jobs.work('train', async ({ signal }) => {
        running = true
        await pause(20_000, undefined, { signal })
      })
      const id = (await first.jobs.send('train', { project: 'p', run: 'r' }))!
      await until(() => running)
      await first.jobs.stop()
      await first.store.close()
      const second = await open()
      expect((await second.jobs.get('train', id))!.state).toBe('waiting')
      await second.jobs.work('train', async ({ attempt }) => attempt)
      expect(await ended(second.jobs, 'train', id)).toMatchObject({ state: 'done', result: 2 })
      await second.jobs.stop()
      await second.store.close()
    })
  })
})
