import { randomStream } from '@volant/data'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { csv, type Json, TestServer, ticketSpec, tickets } from './server.testing.js'

/** What is wrong is refused with a problem document of 4xx; nothing makes the server fail. */
describe('refusals', () => {
  let server: TestServer
  const ask = (method: string, address: string, body?: unknown, headers?: Record<string, string>) =>
    server.ask(method, `/api/v1${address}`, body, headers)
  const upload = (query: string, body: string | Uint8Array) =>
    ask('POST', `/projects/desk/datasets?${query}`, body, { 'content-type': 'text/csv' })

  beforeAll(async () => {
    server = await TestServer.start()
    await server.api('POST', '/projects', { id: 'desk', name: 'Desk', spec: ticketSpec })
  })
  afterAll(() => server.stop())

  const refused = (status: number, code: string) => ({
    status,
    body: { status, code, type: `urn:volant:problem:${code}`, detail: expect.any(String) },
  })

  it('of a run come before it is queued, with the sentence', async () => {
    await server.api('POST', '/projects', { id: 'plain', name: 'Plain' })
    const rows = Array.from({ length: 30 }, (_, at) => ({ message: `m ${at}`, queue: at % 2 ? 'a' : 'b', same: 'x' }))
    await server.api('POST', '/projects/plain/rows', { rows: [...rows, { message: 'last', later: null }] })
    const run = (body: object) => ask('POST', '/projects/plain/runs', body)
    expect(await run({ outputs: ['quee'] })).toMatchObject({
      ...refused(400, 'missing-column'),
      body: { detail: 'Dataset version 1 has no column "quee". Did you mean "queue"?' },
    })
    expect(await run({ outputs: ['queue'], inputs: ['text'] })).toMatchObject(refused(400, 'missing-column'))
    expect(await run({ outputs: ['later'] })).toMatchObject(refused(400, 'empty-column'))
    expect(await run({ outputs: ['same'] })).toMatchObject(refused(400, 'one-class'))
    const spec = { inputs: { message: 'txt' }, outputs: { queue: 'category' } }
    expect(await run({ spec })).toMatchObject(refused(400, 'bad-spec'))
    expect((await server.api('GET', '/projects/plain/runs')).items).toEqual([])
  })

  it('name a second file of an upload, of which nothing is kept', async () => {
    const form = new FormData()
    form.append('file', new Blob([csv(tickets(0, 5))]), 'first.csv')
    form.append('more', new Blob([csv(tickets(0, 5))]), 'second.csv')
    const before = (await server.api('GET', '/projects/desk/datasets')).items
    expect(await ask('POST', '/projects/desk/datasets', form)).toMatchObject({
      ...refused(400, 'bad-request'),
      body: { detail: expect.stringContaining('"second.csv"'), file: 'second.csv' },
    })
    expect((await server.api('GET', '/projects/desk/datasets')).items).toEqual(before)
  })

  it('speak RFC 9457', async () => {
    const answer = await ask('GET', '/projects/none')
    expect(answer).toMatchObject(refused(404, 'unknown-project'))
    expect(answer.headers.get('content-type')).toBe('application/problem+json')
    expect(answer.body.detail).toBe('There is no project "none".')
  })

  it.each<[string, string, unknown, number, string]>([
    ['text that is no JSON', '/projects', '{"name":', 400, 'bad-json'],
    ['an empty body', '/projects', '', 400, 'bad-request'],
    ['a list for an object', '/projects', [], 400, 'bad-request'],
    ['a wrong type', '/projects', { name: 7 }, 400, 'bad-request'],
    ['an unknown field', '/projects', { name: 'a', colour: 'red' }, 400, 'bad-request'],
    ['a name with NUL', '/projects', { name: 'a\u0000b' }, 400, 'bad-request'],
    ['half a surrogate pair', '/projects', '{"name":"\\ud800"}', 400, 'bad-request'],
    ['a key that poisons prototypes', '/projects', '{"__proto__":{"a":1},"name":"x"}', 400, 'bad-json'],
    ['a name without a letter an id could have', '/projects', { name: '你好' }, 400, 'bad-id'],
    [
      'a spec that is none',
      '/projects',
      { name: 'x', spec: { inputs: { a: 'txt' }, outputs: { b: 'category' } } },
      400,
      'bad-spec',
    ],
    ['an id that is taken', '/projects', { id: 'desk', name: 'x' }, 409, 'project-exists'],
    ['no rows', '/projects/desk/rows', { rows: [] }, 400, 'bad-request'],
    ['a nested cell', '/projects/desk/rows', { rows: [{ message: { a: 1 } }] }, 400, 'bad-request'],
    ['a column name with NUL', '/projects/desk/rows', { rows: [{ 'a\u0000b': 'x' }] }, 400, 'bad-request'],
    ['a column without a name', '/projects/desk/rows', { rows: [{ '': 'x' }] }, 400, 'bad-request'],
    [
      'more columns than a file may have',
      '/projects/desk/rows',
      {
        rows: Array.from({ length: 3 }, (_, row) =>
          Object.fromEntries([
            ['message', 'm'],
            ['plan', 'p'],
            ...Array.from({ length: 4000 }, (_, at) => [`c${row}-${at}`, 1]),
          ]),
        ),
      },
      400,
      'too-many-columns',
    ],
    [
      'a cell of 5 MB and more',
      '/projects/desk/rows',
      { rows: [{ message: 'x'.repeat(5_000_001) }] },
      400,
      'bad-request',
    ],
    ['a missing input column', '/projects/desk/rows', { rows: [{ mesage: 'x', plan: 'y' }] }, 400, 'missing-column'],
    ['a run without data', '/projects/desk/runs', {}, 409, 'no-data'],
    ['a run of an unknown dataset', '/projects/desk/runs', { dataset: 'nope' }, 404, 'unknown-dataset'],
    ['a wrong time limit', '/projects/desk/runs', { timeLimit: 'soon' }, 400, 'bad-request'],
    ['a prediction before deployment', '/projects/desk/predict', { rows: [{}] }, 409, 'no-champion'],
    ['too many rows', '/projects/desk/predict', { rows: Array(1001).fill({}) }, 413, 'too-many-rows'],
    ['an unknown endpoint', '/projects/desk/predict', { rows: [{}], endpoint: 'beta' }, 404, 'unknown-endpoint'],
    ['improving without data', '/projects/desk/improve', {}, 409, 'no-data'],
    [
      'feedback on nothing',
      '/projects/desk/feedback',
      { id: 'f', predictionId: 'none', kind: 'label', value: 'a' },
      404,
      'unknown-prediction',
    ],
    [
      'feedback of an unknown kind',
      '/projects/desk/feedback',
      { id: 'f', predictionId: 'x', kind: 'smile', value: 1 },
      400,
      'bad-request',
    ],
    ['a test set of no data', '/projects/desk/test-set', {}, 409, 'no-data'],
    ['a wrong share', '/projects/desk/test-set', { share: 2 }, 400, 'bad-request'],
    ['a key with an unknown scope', '/keys', { name: 'a', channel: 'b', scopes: ['fly'] }, 400, 'bad-request'],
  ])('%s', async (_name, address, body, status, code) => {
    const headers = typeof body === 'string' ? { 'content-type': 'application/json' } : {}
    expect(await ask('POST', address, body, headers as Record<string, string>)).toMatchObject(refused(status, code))
  })

  it('a body that is too large, or of another type', async () => {
    const large = JSON.stringify({ name: 'x'.repeat(17 * 2 ** 20) })
    expect(await ask('POST', '/projects', large, { 'content-type': 'application/json' })).toMatchObject(
      refused(413, 'body-too-large'),
    )
    expect(await ask('POST', '/projects', '<a/>', { 'content-type': 'application/xml' })).toMatchObject(
      refused(415, 'unsupported-media-type'),
    )
  })

  it('unknown addresses, ids with odd characters and wrong cursors', async () => {
    expect(await server.ask('GET', '/api/v2/none')).toMatchObject(refused(404, 'not-found'))
    expect(await ask('GET', '/projects/%00')).toMatchObject(refused(400, 'bad-request'))
    expect(await ask('GET', '/projects/%ZZ')).toMatchObject({ status: 400 })
    expect(await ask('GET', '/projects/desk/datasets?after=x')).toMatchObject(refused(400, 'bad-cursor'))
    expect(await ask('GET', '/projects/desk/feedback?after=x')).toMatchObject(refused(400, 'bad-cursor'))
    expect(await ask('GET', '/projects/desk/runs?limit=0')).toMatchObject(refused(400, 'bad-request'))
    for (const [address, code] of [
      ['datasets/x', 'unknown-dataset'],
      ['datasets/latest', 'no-data'],
      ['runs/x', 'unknown-run'],
      ['versions/x', 'unknown-version'],
      ['endpoints/x', 'unknown-endpoint'],
      ['predictions/x', 'unknown-prediction'],
      ['iterations/x', 'unknown-iteration'],
      ['test-set', 'unknown-test-set'],
    ] as const)
      expect((await ask('GET', `/projects/desk/${address}`)).body.code).toBe(code)
  })

  it('files that are empty, headless, binary, cut off or without the columns, and keeps nothing of them', async () => {
    const empty = await upload('name=a.csv', '')
    expect(empty).toMatchObject(refused(400, 'empty-file'))
    expect(JSON.stringify(empty.body)).not.toContain(server.folder)
    const headless = await upload('name=a.csv', 'message,plan\n')
    expect(headless.body.detail).toContain('"a.csv"')
    expect(JSON.stringify(headless.body)).not.toContain(server.folder)
    expect((await upload('name=a.csv', 'message,plan\n')).status).toBe(400)
    expect(
      (
        await upload(
          'name=a.csv',
          new Uint8Array(5000).map((_, at) => (at * 7919) % 256),
        )
      ).status,
    ).toBe(400)
    expect((await upload('name=a.csv.gz', new Uint8Array([31, 139, 8, 0, 1, 2, 3]))).status).toBe(400)
    expect((await upload('name=a.parquet', 'PAR1 not at all')).status).toBe(400)
    expect(await upload('name=a.csv', 'mesage,plan\nx,y\n')).toMatchObject({
      status: 400,
      body: { code: 'missing-column', column: 'message', nearest: 'mesage' },
    })
    expect(await upload('name=a.csv&timeColumn=sent', csv(tickets(0, 2)))).toMatchObject(refused(400, 'missing-column'))
    expect(await ask('GET', '/projects/desk/datasets')).toMatchObject({ status: 200, body: { items: [] } })
  })

  it('multipart bodies without a boundary, without an end or without a file', async () => {
    for (const [type, body] of [
      ['multipart/form-data', 'message,plan\n'],
      ['multipart/form-data; boundary=x', 'message,plan\n'],
      ['multipart/form-data; boundary=x', '--x\r\nContent-Disposition: form-data; name="a"\r\n\r\nhi\r\n--x--\r\n'],
    ] as const)
      expect(await ask('POST', '/projects/desk/datasets', body, { 'content-type': type })).toMatchObject(
        refused(400, 'bad-request'),
      )
  })

  it('an upload that breaks off leaves nothing', async () => {
    const { hostname, port } = new URL(server.url)
    const { connect } = await import('node:net')
    const socket = connect(Number(port), hostname)
    socket.write(
      `POST /api/v1/projects/desk/datasets?name=a.csv HTTP/1.1\r\nhost: ${hostname}:${port}\r\ncontent-type: text/csv\r\ncontent-length: 100000\r\n\r\nmessage,plan\na,b\n`,
    )
    await new Promise((resolve) => setTimeout(resolve, 300))
    socket.destroy()
    await new Promise((resolve) => setTimeout(resolve, 300))
    expect((await ask('GET', '/projects/desk/datasets')).body.items).toEqual([])
  })

  it('rows of a file that cannot be read are kept aside and named', async () => {
    const { status, body } = await upload(
      'name=b.csv&timeColumn=sent',
      'message,plan,queue,sent\na,b,c,2026-01-01\nx,y,z,whenever\nonly,two,three,2026-01-02,five\n',
    )
    expect(status).toBe(201)
    expect(body).toMatchObject({ rows: 1, rejected: { count: 2 } })
    expect(body.rejected.first.map((one: Json) => one.column ?? one.reason)).toContain('sent')
  })
})

describe('random documents', () => {
  const seed = Number(process.env['VOLANT_SEED'] ?? Date.now() % 1e6)
  let server: TestServer

  beforeAll(async () => {
    server = await TestServer.start()
    await server.api('POST', '/projects', { id: 'x', name: 'Fuzzed', spec: ticketSpec })
    await server.api('POST', '/projects/x/rows', { rows: tickets(0, 30) })
  })
  afterAll(() => server.stop())

  it(`never make a route fail (VOLANT_SEED=${seed})`, async () => {
    const random = randomStream(seed)
    const pick = <T>(items: readonly T[]): T => items[Math.floor(random() * items.length)]!
    const words = [
      'id',
      'name',
      'rows',
      'value',
      'kind',
      'label',
      'spec',
      'need',
      'champion',
      'share',
      'version',
      'predictionId',
      'output',
      'x',
      'latest',
      '__proto__',
      'constructor',
      '\u0000',
      '\ud800',
      '',
      '😀',
      "';--",
      '%s',
      '../..',
    ]
    const document = (depth: number): unknown => {
      const kind = Math.floor(random() * (depth > 3 ? 6 : 8))
      if (kind === 6) return Array.from({ length: Math.floor(random() * 4) }, () => document(depth + 1))
      if (kind === 7)
        return Object.fromEntries(
          Array.from({ length: Math.floor(random() * 5) }, () => [pick(words), document(depth + 1)]),
        )
      return [null, true, random() * 1e20 - 5e19, -0, pick(words), 'long '.repeat(500)][kind]
    }
    const { body: api } = await server.ask('GET', '/api/openapi.json')
    const failures: string[] = []
    for (const [address, methods] of Object.entries(api.paths as Record<string, Record<string, Json>>))
      for (const [method, route] of Object.entries(methods)) {
        if (address.endsWith('/events') || (method === 'delete' && address.endsWith('/{p}'))) continue
        const fields = Object.keys(route.requestBody?.content?.['application/json']?.schema?.properties ?? {})
        for (let time = 0; time < 25; time++) {
          const place = address.replaceAll(/\{(\w+)\}/g, (_, name) =>
            name === 'p'
              ? 'x'
              : encodeURIComponent(pick(words.slice(0, 15).concat('latest', 'default', 'champion')) || 'y'),
          )
          const query =
            random() < 0.6
              ? ''
              : `?limit=${pick(['', '5', '-1', 'x', '1e9'])}&after=${pick(['', '7', 'zz', '%00'])}&name=${pick(['a.csv', '.gz', '%F0%9F', '..%2Fx.jsonl'])}`
          const named = Object.fromEntries(fields.filter(() => random() < 0.7).map((field) => [field, document(1)]))
          const body =
            method === 'get'
              ? undefined
              : JSON.stringify(random() < 0.7 ? named : document(0)).slice(0, random() < 0.9 ? 1e6 : 20)
          const { status, body: answer } = await server.ask(
            method.toUpperCase(),
            `${place}${query}`,
            body,
            body === undefined ? {} : { 'content-type': 'application/json' },
          )
          if (status >= 500) failures.push(`${method} ${place}${query} ${body}: ${status} ${JSON.stringify(answer)}`)
        }
      }
    expect(failures).toEqual([])
  })
})

describe('keys', () => {
  let server: TestServer
  let owner: Record<string, string>
  const bearer = (key: string) => ({ authorization: `Bearer ${key}` })

  beforeAll(async () => {
    server = await TestServer.start({ keys: 'always' })
    owner = bearer(server.server.ownerKey!)
    await server.api('POST', '/projects', { id: 'desk', name: 'Desk', spec: ticketSpec }, owner)
    await server.api('POST', '/projects', { id: 'other', name: 'Other' }, owner)
  })
  afterAll(() => server.stop())

  it('are needed, checked and revoked at once', async () => {
    expect(await server.ask('GET', '/api/v1/projects')).toMatchObject({ status: 401, body: { code: 'key-missing' } })
    expect(await server.ask('GET', '/api/v1/projects', undefined, bearer('vk_wrong'))).toMatchObject({
      status: 401,
      body: { code: 'key-unknown' },
    })
    const made = await server.api(
      'POST',
      '/keys',
      { name: 'w', channel: 'widget', scopes: ['predict', 'feedback'], project: 'desk' },
      owner,
    )
    expect(await server.api('GET', '/me', undefined, bearer(made.key))).toEqual({
      channel: 'widget',
      scopes: ['predict', 'feedback'],
      project: 'desk',
      owner: false,
    })
    expect(await server.ask('GET', '/api/v1/projects/desk', undefined, bearer(made.key))).toMatchObject({
      status: 403,
      body: { code: 'scope-missing' },
    })
    expect(await server.ask('POST', '/api/v1/projects/other/predict', { rows: [{}] }, bearer(made.key))).toMatchObject({
      status: 403,
    })
    expect(await server.ask('POST', '/api/v1/projects/desk/predict', { rows: [{}] }, bearer(made.key))).toMatchObject({
      status: 409,
      body: { code: 'no-champion' },
    })
    const { items } = await server.api('GET', '/keys', undefined, owner)
    expect(JSON.stringify(items)).not.toContain(made.key)
    await server.api('DELETE', `/keys/${made.id}`, undefined, owner)
    expect(await server.ask('GET', '/api/v1/me', undefined, bearer(made.key))).toMatchObject({
      status: 401,
      body: { code: 'key-revoked' },
    })
  })

  it('guard every route but health, documents and the page', async () => {
    const { body: api } = await server.ask('GET', '/api/openapi.json')
    const open: string[] = []
    for (const [address, methods] of Object.entries(api.paths as Record<string, object>))
      for (const method of Object.keys(methods)) {
        const { status } = await server.ask(method.toUpperCase(), address.replaceAll(/\{\w+\}/g, 'x'))
        if (status !== 401) open.push(`${method} ${address} ${status}`)
      }
    expect(open).toEqual(['get /healthz 200', 'get /readyz 200'])
    expect(Object.keys(api.paths).length).toBeGreaterThan(30)
  })

  it('end with their channel, but for the owner’s', async () => {
    const quota = { predictions: 5, per: 'month' }
    await server.api('PUT', '/channels/partner', { kind: 'partner', plan: 'gold', quota }, owner)
    const wanted = { name: 'p', channel: 'partner', scopes: ['predict'], project: 'desk' }
    const partner = bearer((await server.api('POST', '/keys', wanted, owner)).key)
    const end = (name: string, key: Record<string, string>) =>
      server.ask('DELETE', `/api/v1/channels/${name}`, undefined, key)
    const names = async () =>
      (await server.api('GET', '/channels', undefined, owner)).items.map(({ name }: Json) => name)
    expect(await end('partner', partner)).toMatchObject({ status: 403, body: { code: 'scope-missing' } })
    expect(await names()).toContain('partner')
    expect(await end('partner', owner)).toMatchObject({ status: 204 })
    expect(await server.ask('GET', '/api/v1/me', undefined, partner)).toMatchObject({ body: { code: 'key-revoked' } })
    expect(await names()).not.toContain('partner')
    expect(await end('partner', owner)).toMatchObject({ status: 404, body: { code: 'unknown-channel' } })
    expect(await end('console', owner)).toMatchObject({ status: 400 })
    expect(await server.api('GET', '/me', undefined, owner)).toMatchObject({ owner: true })
  })

  it('stop a channel at its quota', async () => {
    await server.api('PUT', '/channels/small', { quota: { predictions: 0, per: 'day' } }, owner)
    const { items } = await server.api('GET', '/channels', undefined, owner)
    expect(items.find((one: Json) => one.name === 'small')).toMatchObject({ quota: { predictions: 0, per: 'day' } })
  })
})

describe('a start', () => {
  it('names a port in use and a data folder in use', async () => {
    const server = await TestServer.start()
    await expect(TestServer.start({ port: server.server.port })).rejects.toMatchObject({ code: 'port-in-use' })
    await expect(TestServer.start({ dataFolder: server.folder })).rejects.toMatchObject({ code: 'data-folder-in-use' })
    await expect(TestServer.start({ staticFolder: server.folder })).rejects.toMatchObject({ code: 'bad-static-folder' })
    await server.stop()
  })
})
