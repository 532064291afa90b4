import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as wait } from 'node:timers/promises'
import { randomStream } from '@volant/data'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { csv, type Json, ticket, ticketSpec, tickets } from './server.testing.js'

const kills = Number(process.env['VOLANT_KILLS'] ?? 3)
const seed = Number(process.env['VOLANT_SEED'] ?? Date.now() % 1e6)
const server = new URL('../dist/index.js', import.meta.url).href
const program = `
  import { startServer } from ${JSON.stringify(server)}
  const { url } = await startServer({ port: 0, dataFolder: process.argv[1] })
  console.log(url)`

/** A server in a process of its own, to be killed. */
class Victim {
  private constructor(
    readonly child: ChildProcess,
    readonly url: string,
  ) {}

  static async start(folder: string): Promise<Victim> {
    const child = spawn(process.execPath, ['--input-type=module', '-e', program, folder], {
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let said = ''
    child.stderr!.on('data', (text) => {
      said = `${said}${text}`.slice(-4000)
    })
    return new Promise((resolve, reject) => {
      createInterface(child.stdout!).once('line', (url) => resolve(new Victim(child, url)))
      child.once('exit', (code, signal) =>
        reject(new Error(`The server ended (${code ?? signal}) before it started: ${said}`)),
      )
    })
  }

  async end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    const ended = new Promise((resolve) => this.child.once('exit', resolve))
    this.child.kill(signal)
    await ended
  }

  /** The document of a 2xx answer; throws on all else, also when the server is gone. */
  async api(method: string, address: string, body?: unknown): Promise<Json> {
    const json = typeof body === 'string' ? { 'content-type': 'text/csv' } : { 'content-type': 'application/json' }
    const sent = body === undefined || typeof body === 'string' ? body : JSON.stringify(body)
    const response = await fetch(`${this.url}/api/v1/projects/desk${address}`, {
      method,
      headers: body === undefined ? {} : json,
      body: sent,
    })
    if (!response.ok) throw new Error(`${method} ${address}: ${response.status} ${await response.text()}`)
    return response.json()
  }

  /** Every item of a listing. */
  async all(address: string): Promise<Json[]> {
    const items: Json[] = []
    let after: string | null = null
    do {
      const page: Json = await this.api('GET', `${address}?limit=200${after === null ? '' : `&after=${after}`}`)
      items.push(...page.items)
      after = page.next
    } while (after !== null)
    return items
  }

  async ended(address: string): Promise<Json> {
    for (;;) {
      const found = await this.api('GET', address)
      if (!['waiting', 'running'].includes(found.state)) return found
      await wait(100)
    }
  }
}

describe(`kill -9 at ${kills} random moments (VOLANT_SEED=${seed})`, () => {
  const random = randomStream(seed)
  let folder: string
  let victim: Victim
  const models: string[] = []
  /** What was acknowledged, over all rounds. */
  const predicted = new Map<string, number>()
  const fedBack = new Map<string, Json>()
  const runs = new Set<string>()
  const iterations = new Set<string>()
  const datasets = new Map<string, number>()
  /** What the endpoint may serve: the last acknowledged champion, and those asked for since. */
  let champions = new Set<string>()
  let sent = 0

  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'volant-kill9-'))
    victim = await Victim.start(folder)
    await fetch(`${victim.url}/api/v1/projects`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ id: 'desk', name: 'Desk', spec: ticketSpec }),
    })
    await victim.api('POST', '/test-set/upload?name=test.csv', csv(tickets(1000, 1100)))
    for (const rows of [tickets(0, 30), tickets(30, 60)]) {
      const dataset = await victim.api('POST', '/datasets?name=a.csv', csv(rows))
      datasets.set(dataset.id, dataset.rows)
      const run = await victim.api('POST', '/runs', { dataset: dataset.id })
      models.push((await victim.ended(`/runs/${run.id}`)).version)
    }
    await victim.api('PUT', '/endpoints/default', { champion: models[0] })
    champions = new Set([models[0]!])
  })
  afterAll(async () => {
    victim?.child.kill('SIGKILL')
    await rm(folder, { recursive: true, force: true })
  })

  /** Does `work` again and again until the server is killed; what fails after that was not acknowledged. */
  async function until(killed: AbortSignal, work: () => Promise<void>): Promise<void> {
    while (!killed.aborted)
      try {
        await work()
      } catch (error) {
        // The answer may have been cut by the kill that is just being told; all other failures count.
        await wait(50)
        if (!killed.aborted && !/409|fetch failed/.test(String(error))) throw error
      }
  }

  const predict = async (): Promise<void> => {
    const numbers = Array.from({ length: 1 + Math.floor(random() * 5) }, () => 2000 + sent++)
    const rows = numbers.map((n) => ({ message: ticket(n).message, plan: ticket(n).plan }))
    const { predictions } = await victim.api('POST', '/predict', { rows })
    for (const [at, { id }] of (predictions as Json[]).entries()) predicted.set(id, numbers[at]!)
  }
  const feedBack = async (): Promise<void> => {
    const ids = [...predicted.keys()]
    if (ids.length === 0) return void (await wait(5))
    const predictionId = ids[Math.floor(random() * ids.length)]!
    const item = {
      id: `f${fedBack.size}-${Math.floor(random() * 1e9)}`,
      predictionId,
      kind: 'label',
      value: ticket(predicted.get(predictionId)!).queue,
    }
    await victim.api('POST', '/feedback', item)
    fedBack.set(item.id, item)
  }
  const promote = async (): Promise<void> => {
    const champion = models[Math.floor(random() * models.length)]!
    champions.add(champion)
    await victim.api('PUT', '/endpoints/default', { champion })
    champions = new Set([champion])
    await wait(20)
  }
  const append = async (): Promise<void> => {
    const dataset = await victim.api('POST', '/rows', { rows: tickets(sent, sent + 3) })
    datasets.set(dataset.id, dataset.rows)
    await wait(30)
  }
  const train = async (): Promise<void> => {
    runs.add((await victim.api('POST', '/runs', { note: 'in the round' })).id)
    await wait(5000)
  }
  const improve = async (): Promise<void> => {
    iterations.add((await victim.api('POST', '/improve', {})).id)
    await wait(5000)
  }

  async function check(): Promise<void> {
    const rows = new Map((await victim.all('/predictions')).map((one) => [one.id, one]))
    expect([...predicted.keys()].filter((id) => !rows.has(id))).toEqual([])
    for (const { outputs, inputs } of rows.values())
      expect([Object.keys(outputs), Object.keys(inputs).sort()]).toEqual([['queue'], ['message', 'plan']])
    const feedback = await victim.all('/feedback')
    const found = new Map(feedback.map((one) => [one.id, one]))
    expect(found.size).toBe(feedback.length)
    for (const item of fedBack.values()) expect(found.get(item.id)).toMatchObject(item)
    const [again] = fedBack.values()
    if (again) expect(await victim.api('POST', '/feedback', again)).toEqual({ id: again.id, duplicate: true })
    const { items } = await victim.api('GET', '/usage')
    expect(items.reduce((sum: number, one: Json) => sum + one.predictions, 0)).toBe(rows.size)
    const { champion } = await victim.api('GET', '/endpoints/default')
    expect([...champions]).toContain(champion)
    await checkVersions()
  }

  async function checkVersions(): Promise<void> {
    const stored = new Map((await victim.all('/datasets')).map((one) => [one.id, one]))
    for (const [id, count] of datasets) expect(stored.get(id)).toMatchObject({ rows: count })
    for (const { id, rows } of [...stored.values()].slice(0, 3)) {
      const { items } = await victim.api('GET', `/datasets/${id}/rows?limit=1&after=${rows - 1}`)
      expect(items).toHaveLength(1)
    }
    const versions = new Map((await victim.all('/versions')).map((one) => [one.id, one]))
    for (const { evaluation, id } of versions.values()) expect(evaluation, id).toMatchObject({ version: id, rows: 100 })
    for (const run of await victim.all('/runs')) {
      expect(run.version !== null).toBe(run.state === 'done')
      if (run.version) expect(versions.has(run.version)).toBe(true)
    }
    for (const { decision, state, candidate } of await victim.all('/iterations')) {
      expect(decision !== null).toBe(state === 'done')
      if (candidate) expect(versions.has(candidate)).toBe(true)
    }
  }

  it(
    'loses nothing that was acknowledged and shows nothing half-done',
    async () => {
      for (let round = 0; round < kills; round++) {
        const killed = new AbortController()
        const heavy = [train, improve][round % 2]!
        const works = [predict, predict, feedBack, append, round % 2 ? feedBack : promote, heavy].map((work) =>
          until(killed.signal, work),
        )
        await wait(50 + random() * 2500)
        const dying = victim.end('SIGKILL')
        killed.abort()
        await dying
        await Promise.all(works)
        victim = await Victim.start(folder)
        // An iteration that goes on after the restart may promote its candidate.
        for (const one of await victim.all('/iterations')) if (one.candidate) champions.add(one.candidate)
        for (const { candidate } of await endedIterations()) if (candidate) champions.add(candidate)
        await check()
        champions = new Set([(await victim.api('GET', '/endpoints/default')).champion])
      }
    },
    60_000 + kills * 40_000,
  )

  async function endedIterations(): Promise<Json[]> {
    const all = []
    for (const { id } of await victim.all('/iterations')) all.push(await victim.ended(`/iterations/${id}`))
    return all
  }

  it('ends every run and iteration with a result or a reason', async () => {
    const [allRuns, allIterations] = [await victim.all('/runs'), await victim.all('/iterations')]
    for (const id of runs) expect(allRuns.some((run) => run.id === id)).toBe(true)
    for (const id of iterations) expect(allIterations.some((one) => one.id === id)).toBe(true)
    for (const { id } of allRuns) {
      const run = await victim.ended(`/runs/${id}`)
      expect(run.state === 'done' ? run.version : run.reason).toBeTypeOf('string')
    }
    for (const one of await endedIterations())
      expect(one.state === 'done' ? one.explanation.en : one.reason).toBeTypeOf('string')
    expect(predicted.size).toBeGreaterThan(kills)
    expect(fedBack.size).toBeGreaterThan(kills)
    console.log(
      `${kills} kills: ${predicted.size} predictions, ${fedBack.size} feedback, ${datasets.size} datasets, ${allRuns.length} runs, ${allIterations.length} iterations found again`,
    )
  }, 120_000)
})
