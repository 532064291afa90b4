import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readOrigin } from './cors.js'
import { TestServer } from './server.testing.js'

describe('pages of other origins', () => {
  const shop = 'https://shop.example.com'
  const preflight = { 'access-control-request-method': 'POST', 'access-control-request-headers': 'authorization' }
  let server: TestServer
  let key: string
  beforeAll(async () => {
    server = await TestServer.start({ cors: [shop, 'http://localhost:5173/'.slice(0, -1)] })
    await server.api('POST', '/projects', { id: 'desk', name: 'Desk' })
    const scoped = { name: 'shop', channel: 'shop', scopes: ['predict'], project: 'desk' }
    key = (await server.api('POST', '/keys', scoped)).key
  })
  afterAll(() => server.stop())

  const ask = (method: string, address: string, headers: Record<string, string>, body?: unknown) =>
    server.ask(method, `/api/v1${address}`, body, headers)

  it('that were named may ask, with a key', async () => {
    const before = await ask('OPTIONS', '/projects/desk/predict', { origin: shop, ...preflight })
    expect(before.status).toBe(204)
    expect(before.headers.get('access-control-allow-origin')).toBe(shop)
    expect(before.headers.get('access-control-allow-headers')).toContain('authorization')
    expect(before.headers.get('access-control-allow-credentials')).toBeNull()
    const sent = { origin: shop, authorization: `Bearer ${key}` }
    const answer = await ask('POST', '/projects/desk/predict', sent, { rows: [{}] })
    expect(answer).toMatchObject({ status: 409, body: { code: 'no-champion' } })
    expect(answer.headers.get('access-control-allow-origin')).toBe(shop)
    expect(answer.headers.get('vary')).toBe('origin')
  })

  it("may use OpenAI's client, which sends headers of its own", async () => {
    const headers = { ...preflight, 'access-control-request-headers': 'authorization,x-stainless-lang' }
    const asked = await server.ask('OPTIONS', '/v1/chat/completions', undefined, { origin: shop, ...headers })
    expect(asked.status).toBe(204)
    expect(asked.headers.get('access-control-allow-headers')).toBe('authorization,x-stainless-lang')
    const other = await ask('OPTIONS', '/me', { origin: shop, ...headers })
    expect(other.headers.get('access-control-allow-headers')).not.toContain('stainless')
    const { status, headers: answered } = await server.ask('GET', '/v1/models', undefined, { origin: shop })
    expect([status, answered.get('access-control-allow-origin')]).toEqual([401, shop])
  })

  it('need a key on the machine of the server too', async () => {
    const { status, headers } = await ask('GET', '/projects', { origin: shop })
    expect(status).toBe(401)
    expect(headers.get('access-control-allow-origin')).toBe(shop)
  })

  it('that were not named are told nothing', async () => {
    const { status, headers } = await ask('OPTIONS', '/projects', { origin: 'https://evil.example', ...preflight })
    expect(status).toBe(404)
    expect(headers.get('access-control-allow-origin')).toBeNull()
  })

  it('are refused by default', async () => {
    const closed = await TestServer.start()
    const { status, headers } = await closed.ask('OPTIONS', '/api/v1/me', undefined, { origin: shop, ...preflight })
    expect([status, headers.get('access-control-allow-origin'), headers.get('vary')]).toEqual([404, null, null])
    await closed.stop()
  })

  it.each(['*', 'shop.example.com', 'https://a.example/path', 'ftp://a', 'null', 'https://*.example.com'])(
    'cannot be "%s"',
    async (origin) => {
      expect(() => readOrigin(origin)).toThrow(`"${origin}" is no origin`)
      await expect(TestServer.start({ cors: [origin] })).rejects.toMatchObject({ code: 'bad-origin' })
    },
  )
})
