import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import path from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { problem } from './schema.js'
import { csv, type Json, TestServer, ticketSpec, tickets } from './server.testing.js'

describe('the API around the loop', () => {
  let server: TestServer
  const p = '/projects/desk'

  beforeAll(async () => {
    server = await TestServer.start()
    await server.api('POST', '/projects', { id: 'desk', name: 'Desk', spec: ticketSpec })
  })
  afterAll(() => server.stop())

  it('describes every route in OpenAPI, with the stages as tags and all references resolved', async () => {
    const { body: api } = await server.ask('GET', '/api/openapi.json')
    expect(api.openapi).toBe('3.1.0')
    const text = JSON.stringify(api)
    for (const [, name] of text.matchAll(/"#\/components\/schemas\/([^"]+)"/g))
      expect(api.components.schemas).toHaveProperty(name!)
    const stages = ['needs', 'collect', 'prepare', 'train', 'evaluate', 'deploy', 'serve', 'improve']
    const used = new Set<string>()
    for (const methods of Object.values(api.paths as Record<string, Record<string, Json>>))
      for (const { tags, summary, responses } of Object.values(methods)) {
        expect(summary).toBeTypeOf('string')
        expect(responses.default ?? tags).toBeDefined()
        for (const tag of tags) used.add(tag)
      }
    expect(stages.filter((stage) => !used.has(stage))).toEqual([])
    expect((await server.ask('GET', '/api/docs/')).body).toContain('swagger-ui')
  })

  it('answers refusals in the form it describes', async () => {
    const { body } = await server.ask('POST', '/api/v1/projects', { name: 7 })
    expect(problem.parse(body)).toMatchObject({ code: 'bad-request', errors: [{ path: '/name' }] })
  })

  it('pages listings from the newest to the oldest, each item once', async () => {
    for (let at = 0; at < 5; at++) await server.api('POST', `${p}/rows`, { rows: tickets(at, at + 1) })
    const seen: number[] = []
    let after = ''
    do {
      const page = await server.api('GET', `${p}/datasets?limit=2${after}`)
      seen.push(...page.items.map((one: Json) => one.number))
      after = page.next === null ? '' : `&after=${page.next}`
    } while (after !== '')
    expect(seen).toEqual([5, 4, 3, 2, 1])
    expect((await server.api('GET', `${p}/datasets/latest`)).rows).toBe(5)
  })

  it('appends every row of uploads that come at the same time', async () => {
    const before = (await server.api('GET', `${p}/datasets/latest`)).rows
    await Promise.all(
      Array.from({ length: 6 }, (_, at) => server.api('POST', `${p}/rows`, { rows: tickets(10 * at, 10 * at + 3) })),
    )
    const { rows, number } = await server.api('GET', `${p}/datasets/latest`)
    expect([rows, number]).toEqual([before + 18, 11])
  })

  it('takes a multipart upload, replaces on demand, and profiles with contacts masked', async () => {
    const form = new FormData()
    const rows = tickets(0, 60).map((row, at) => ({
      ...row,
      message: `${row.message} call 0171 555 0123 or write to u${at}@example.org`,
    }))
    form.append('file', new Blob([csv(rows)], { type: 'text/csv' }), 'desk.csv')
    const dataset = await server.api('POST', `${p}/datasets?mode=replace&source=export`, form)
    expect(dataset).toMatchObject({ name: 'desk.csv', rows: 60, added: 60, parent: null })
    const { profile } = await server.api('GET', `${p}/datasets/${dataset.id}/profile`)
    expect(profile.rows ?? profile.rowCount).toBe(60)
    expect(JSON.stringify(profile)).not.toContain('@example.org')
  })

  it('tells what happens as server-sent events', async () => {
    const abort = new AbortController()
    const response = await fetch(`${server.url}/api/v1${p}/events`, { signal: abort.signal })
    expect(response.headers.get('content-type')).toContain('text/event-stream')
    const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader()
    await server.api('POST', `${p}/rows`, { rows: tickets(100, 101) })
    let said = ''
    while (!said.includes('event: dataset')) said += (await reader.read()).value
    expect(said).toMatch(/data: \{"at":"[^"]+","id":"[^"]+","count":61\}/)
    abort.abort()
  })

  it('shows health, readiness and figures without personal data', async () => {
    expect(await server.ask('GET', '/healthz')).toMatchObject({ status: 200, body: { status: 'ok' } })
    expect(await server.ask('GET', '/readyz')).toMatchObject({ status: 200, body: { status: 'ready' } })
    const { body } = await server.ask('GET', '/metrics')
    expect(body).toContain(
      'volant_http_request_seconds_count{method="POST",route="/api/v1/projects/:p/rows",status="201"}',
    )
    expect(body).not.toContain('example.org')
  })

  it('cancels a run, and ends it with a reason', async () => {
    await server.api('POST', `${p}/datasets?mode=replace&name=big.csv`, csv(tickets(0, 20_000)), {
      'content-type': 'text/csv',
    })
    const run = await server.api('POST', `${p}/runs`, { timeLimit: '5m' })
    await wait(300)
    expect(await server.api('POST', `${p}/runs/${run.id}/cancel`)).toMatchObject({
      state: 'cancelled',
      reason: 'It was cancelled.',
      version: null,
    })
    expect(await server.ask('POST', `/api/v1${p}/runs/${run.id}/cancel`)).toMatchObject({
      status: 409,
      body: { code: 'run-finished' },
    })
    expect((await server.api('GET', `${p}/versions`)).items).toEqual([])
  })

  it('ends a run on impossible data with a sentence', async () => {
    await server.api('POST', '/projects', { id: 'single', name: 'Classes of one row' })
    await server.api('POST', '/projects/single/rows', {
      rows: Array.from({ length: 40 }, (_, n) => ({ text: `row ${n} of words`, label: `only ${n}` })),
    })
    const run = await server.api('POST', '/projects/single/runs', { outputs: ['label'] })
    const ended = await server.ended(`/projects/single/runs/${run.id}`)
    expect(ended).toMatchObject({ state: 'failed', version: null, attempt: 1 })
    expect(ended.reason).toMatch(/label/)
  })

  it('trains without a spec, keeps the inferred one, and deletes a project with all it holds', async () => {
    await server.api('POST', '/projects', { id: 'bare', name: 'Bare' })
    await server.api('POST', '/projects/bare/rows', { rows: tickets(0, 90).map(({ urgent: _, ...row }) => row) })
    const run = await server.api('POST', '/projects/bare/runs', { outputs: ['queue'], encoder: 'linear' })
    expect(await server.ended(`/projects/bare/runs/${run.id}`)).toMatchObject({ state: 'done' })
    const { spec } = await server.api('GET', '/projects/bare')
    expect(Object.keys(spec.inputs)).toContain('message')
    expect(spec.train.candidates).toBeUndefined()
    expect(await server.api('GET', '/projects/bare/test-set')).toMatchObject({
      origin: 'share',
      rows: 18,
      labelled: { queue: 18 },
    })
    const { items } = await server.api('GET', '/projects/bare/versions')
    expect(items[0].trainedOn.rows).toBe(72)
    const kept = () =>
      ['artifacts/sha256', 'trees'].map((name) => readdirSync(path.join(server.folder, name), { recursive: true }))
    const before = kept().map((names) => names.length)
    const running = await server.api('POST', '/projects/bare/runs', { outputs: ['queue'] })
    expect(await server.ask('DELETE', '/api/v1/projects/bare')).toMatchObject({ status: 204 })
    expect(kept()[0]!.length).toBeLessThanOrEqual(before[0]! - 6)
    expect(await server.ask('GET', `/api/v1/projects/bare/runs/${running.id}`)).toMatchObject({ status: 404 })
    expect(await server.ask('GET', '/api/v1/projects/bare')).toMatchObject({ status: 404 })
    expect(await server.ask('GET', `/api/v1/projects/bare/versions/${items[0].id}`)).toMatchObject({ status: 404 })
  })
})

describe('a stop', () => {
  it('answers what was asked, and brings a running training back at the next start', async () => {
    let server = await TestServer.start()
    await server.api('POST', '/projects', { id: 'desk', name: 'Desk', spec: ticketSpec })
    await server.api('POST', '/projects/desk/rows', { rows: tickets(0, 9000) })
    const run = await server.api('POST', '/projects/desk/runs', {})
    await wait(700)
    const profiling = server.api('GET', '/projects/desk/datasets/latest/profile')
    await wait(100)
    const [next, { profile }] = await Promise.all([server.restart(), profiling])
    expect(profile).toBeTypeOf('object')
    server = next
    const ended = await server.ended(`/projects/desk/runs/${run.id}`)
    expect(ended).toMatchObject({ state: 'done' })
    await server.stop()
  })

  it('is not held up by a connection that a client opened and never used', async () => {
    const server = await TestServer.start()
    const { hostname, port } = new URL(server.url)
    const unused = connect(Number(port), hostname)
    await once(unused, 'connect')
    const closed = once(unused, 'close')
    await server.stop()
    await closed
  })
})

describe('the page', () => {
  it('comes from a folder, needs no key and is guarded by headers', async () => {
    const probe = await TestServer.start()
    const folder = path.join(probe.folder, 'page')
    await mkdir(path.join(folder, 'assets'), { recursive: true })
    await writeFile(path.join(folder, 'index.html'), '<title>Loop</title>')
    await writeFile(path.join(folder, 'assets/a.js'), 'export {}')
    await probe.server.close()
    const server = await TestServer.start({ dataFolder: probe.folder, staticFolder: folder, keys: 'always' })
    const page = await server.ask('GET', '/')
    expect(page).toMatchObject({ status: 200, body: '<title>Loop</title>' })
    expect(page.headers.get('content-security-policy')).toContain("default-src 'self'")
    expect((await server.ask('GET', '/assets/a.js')).headers.get('cache-control')).toContain('immutable')
    expect(await server.ask('GET', '/none.html')).toMatchObject({ status: 404, body: { code: 'not-found' } })
    expect(await server.ask('GET', '/../package.json')).toMatchObject({ status: 404 })
    expect(await server.ask('GET', '/api/v1/projects')).toMatchObject({ status: 401 })
    await server.stop()
  })
})
