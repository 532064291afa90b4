import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { VolantClient } from './client.js'
import { VolantProblem } from './problem.js'

let server: Server | undefined
afterEach(() => void server?.close())

/** A client of a real HTTP server that answers as told. */
async function clientOf(answer: RequestListener, key?: string): Promise<VolantClient> {
  server = createServer(answer)
  await new Promise<void>((resolve) => server!.listen(0, '127.0.0.1', resolve))
  return new VolantClient({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, key })
}

describe('VolantClient', () => {
  it('sends key, path, query and JSON', async () => {
    const seen: unknown[] = []
    const client = await clientOf((request, response) => {
      let body = ''
      request.on('data', (chunk) => {
        body += chunk
      })
      request.on('end', () => {
        seen.push([request.method, request.url, request.headers.authorization, body])
        response.setHeader('content-type', 'application/json').end('{"items":[],"next":null,"predictions":[]}')
      })
    }, 'vk_secret')
    await client.project('a b/c').predictions({ limit: 3, channel: 'web & co', after: undefined })
    await client.project('desk').predict({ rows: [{ text: 'höhe 高' }] })
    await client.setChannel('my shop', { quota: { predictions: 9, per: 'day' } })
    await client.endChannel('my shop')
    expect(seen).toEqual([
      ['GET', '/api/v1/projects/a%20b%2Fc/predictions?limit=3&channel=web+%26+co', 'Bearer vk_secret', ''],
      ['POST', '/api/v1/projects/desk/predict', 'Bearer vk_secret', '{"rows":[{"text":"höhe 高"}]}'],
      ['PUT', '/api/v1/channels/my%20shop', 'Bearer vk_secret', '{"quota":{"predictions":9,"per":"day"}}'],
      ['DELETE', '/api/v1/channels/my%20shop', 'Bearer vk_secret', ''],
    ])
  })

  it('turns a problem document into an error with its code', async () => {
    const client = await clientOf((_, response) => {
      response.writeHead(409, { 'content-type': 'application/problem+json' })
      response.end('{"code":"no-champion","detail":"Nothing is deployed.","status":409}')
    })
    const error = await client
      .project('desk')
      .rollback()
      .catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(VolantProblem)
    expect(error).toMatchObject({ code: 'no-champion', status: 409, message: 'Nothing is deployed.' })
  })

  it('says what a stranger’s error page says', async () => {
    const client = await clientOf((_, response) => response.writeHead(502).end('<h1>Bad gateway</h1>'))
    await expect(client.me()).rejects.toMatchObject({
      code: 'http-502',
      message: 'the server answered 502 Bad Gateway',
    })
  })

  it('asks again after the time that a busy server names, and gives up in the end', async () => {
    let asked = 0
    const client = await clientOf((_, response) => {
      asked++
      if (asked === 1) response.writeHead(429, { 'retry-after': '0.05' }).end('{}')
      else response.setHeader('content-type', 'application/json').end('{"owner":true}')
    })
    expect(await client.me()).toEqual({ owner: true })
    expect(asked).toBe(2)
    server!.removeAllListeners('request').on('request', (_, response) => {
      asked++
      response.writeHead(503, { 'retry-after': '0.01' }).end('{}')
    })
    await expect(client.me()).rejects.toMatchObject({ status: 503, retryAfter: 0.01 })
    expect(asked).toBe(5)
  })

  it('says in a sentence that there is no server', async () => {
    const client = await clientOf(() => undefined)
    await new Promise((resolve) => server!.close(resolve))
    await expect(client.me()).rejects.toMatchObject({
      code: 'unreachable',
      message: expect.stringContaining('volant up'),
    })
    expect(await client.ready()).toBe(false)
  })

  it('reads events, however they are cut into pieces', async () => {
    const client = await clientOf((_, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      const stream = Buffer.from(
        ': ping\n\nevent: run\r\ndata: {"at":"t1","id":"高"}\r\n\r\nevent: feedback\ndata: {"at":"t2",\ndata: "count":2}\n\n',
      )
      for (let at = 0; at < stream.length; at += 5) response.write(stream.subarray(at, at + 5))
      response.end()
    })
    const events = []
    for await (const event of client.project('desk').events()) events.push(event)
    expect(events).toEqual([
      { kind: 'run', at: 't1', id: '高' },
      { kind: 'feedback', at: 't2', count: 2 },
    ])
  })
})
