import { existsSync } from 'node:fs'
import { connect } from 'node:net'
import path from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { csv, type Json, TestServer, ticket, ticketSpec, tickets } from './server.testing.js'

/** What several clients do at once, and what one does while the project or the server goes away. */
describe('at the same time', () => {
  let server: TestServer
  let version: string
  const desk = '/projects/desk'
  const api = (method: string, address: string, body?: unknown) => server.api(method, `${desk}${address}`, body)
  const predict = async (count: number): Promise<string[]> => {
    const rows = tickets(500, 500 + count).map(({ message, plan }) => ({ message, plan }))
    return (await api('POST', '/predict', { rows })).predictions.map((one: Json) => one.id)
  }

  beforeAll(async () => {
    server = await TestServer.start()
    await server.api('POST', '/projects', { id: 'desk', name: 'Desk', spec: ticketSpec })
    await server.api('POST', `${desk}/datasets?name=a.csv`, csv(tickets(0, 60)), { 'content-type': 'text/csv' })
    const run = await api('POST', '/runs', {})
    for (;;) {
      const { state, version: made } = await api('GET', `/runs/${run.id}`)
      if (state === 'done') version = made
      if (!['waiting', 'running'].includes(state)) break
      await wait(100)
    }
    await api('PUT', '/endpoints/default', { champion: version })
  }, 60_000)
  afterAll(() => server?.stop())

  it('one id given fifty times is taken once, all others are told that they repeat it', async () => {
    const [predictionId] = await predict(1)
    const give = () => api('POST', '/feedback', { id: 'same', predictionId, kind: 'label', value: ticket(500).queue })
    const answers = await Promise.all(Array.from({ length: 50 }, give))
    expect(answers.filter(({ duplicate }) => !duplicate)).toHaveLength(1)
    expect((await api('GET', '/feedback')).items).toHaveLength(1)
  })

  it('feedback of a wrong shape is refused by its place in the list, the rest is taken', async () => {
    const [predictionId] = await predict(1)
    const good = { id: 'shape-1', predictionId, kind: 'label', value: 'billing' }
    const list = [
      { id: 'shape-0', predictionId, kind: 'wave', value: 1 },
      good,
      7,
      { ...good, id: 'shape-3', at: 'noon' },
    ]
    const answer = await api('POST', '/feedback', list)
    expect(answer).toMatchObject({ accepted: 1, duplicates: 0, refused: 3 })
    expect(answer.results).toEqual([
      { index: 0, id: 'shape-0', error: { code: 'bad-request', message: expect.stringContaining('kind') } },
      { id: 'shape-1', duplicate: false },
      { index: 2, id: null, error: { code: 'bad-request', message: expect.any(String) } },
      { index: 3, id: 'shape-3', error: { code: 'bad-request', message: expect.stringContaining('ISO 8601') } },
    ])
    expect((await api('POST', '/feedback', ['x'])).results[0]).toMatchObject({ index: 0, id: null })
  })

  it('rows of a wrong shape have an error in their place, the rest is answered', async () => {
    const { predictions } = await api('POST', '/predict', { rows: [7, { message: 'late parcel' }, null, ['a'], {}] })
    expect(predictions[1].outputs.queue.value).toBeTypeOf('string')
    for (const at of [0, 2, 3, 4]) expect(predictions[at]).toEqual({ error: { row: at, message: expect.any(String) } })
  })

  it('one id given with two contents is taken with the first and refused with the other', async () => {
    const [predictionId] = await predict(1)
    const give = (value: number) =>
      server.ask('POST', `/api/v1${desk}/feedback`, { id: 'two', predictionId, kind: 'rating', value })
    const answers = await Promise.all(Array.from({ length: 40 }, (_, at) => give(1 + (at % 2))))
    const kept = (await api('GET', '/feedback')).items.find((one: Json) => one.id === 'two').value
    for (const [at, { status, body }] of answers.entries())
      expect([status, body.code]).toEqual(1 + (at % 2) === kept ? [200, undefined] : [409, 'id-reused'])
  })

  it('a version is deployed in its own project only, also when it is warm', async () => {
    await server.api('POST', '/projects', { id: 'other', name: 'Other' })
    const address = '/api/v1/projects/other/endpoints/default'
    for (const body of [{ champion: version }, { champion: 'nope' }])
      expect(await server.ask('PUT', address, body)).toMatchObject({ status: 404, body: { code: 'unknown-version' } })
  })

  it('a project that is deleted while it is used leaves nothing to the next of its name', async () => {
    const codes = new Set<string>()
    let deleted = false
    const again = async (method: string, address: string, body: unknown) => {
      while (!deleted) {
        const answer = await server.ask(method, `/api/v1${desk}${address}`, body)
        codes.add(`${answer.status} ${answer.body.code ?? ''}`)
      }
    }
    const row = { message: 'm', plan: 'p', queue: ticket(0).queue }
    const works = [again('POST', '/predict', { rows: [row] }), again('POST', '/rows', { rows: [row] })]
    await wait(300)
    await server.api('DELETE', desk)
    await wait(300)
    deleted = true
    await Promise.all(works)
    expect([...codes].filter((code) => /^5/.test(code))).toEqual([])
    expect(existsSync(path.join(server.folder, 'datasets', 'desk'))).toBe(false)
    await server.api('POST', '/projects', { id: 'desk', name: 'Desk', spec: ticketSpec })
    for (const list of ['/predictions', '/feedback', '/datasets', '/usage'])
      expect((await api('GET', list)).items).toEqual([])
  })

  it('a client that never ends its request does not hold the stop', async () => {
    const { hostname, port } = new URL(server.url)
    const socket = connect(Number(port), hostname).on('error', () => undefined)
    socket.write(`POST /api/v1${desk}/predict HTTP/1.1\r\nhost: ${hostname}:${port}\r\ncontent-length: 99\r\n\r\n{`)
    await wait(200)
    const started = Date.now()
    await server.server.close()
    expect(Date.now() - started).toBeLessThan(12_000)
    socket.destroy()
  }, 20_000)
})
