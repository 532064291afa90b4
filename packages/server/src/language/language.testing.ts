import { fileURLToPath } from 'node:url'
import type { Json, TestServer } from '../server.testing.js'

/** A folder of tests of @volant/models: `writer` is a decoder of random weights, `letters` an encoder. */
export const fixture = (name: string): string =>
  fileURLToPath(new URL(`../../../models/test/fixtures/${name}`, import.meta.url))

/** Asks a route of /v1 and gives the data of its events. */
export async function eventsOf(server: TestServer, address: string, body: object): Promise<string[]> {
  const { status, headers, body: text } = await server.ask('POST', `/v1${address}`, { ...body, stream: true })
  if (status !== 200 || !headers.get('content-type')?.startsWith('text/event-stream'))
    throw new Error(`${status} ${JSON.stringify(text)}`)
  return (text as string)
    .trimEnd()
    .split('\n\n')
    .map((line) => line.replace(/^data: /, ''))
}

/** The value of a figure of /metrics whose line begins so; 0 where there is none. */
export async function figure(server: TestServer, line: string): Promise<number> {
  const { body } = await server.ask('GET', '/metrics')
  const found = (body as string).split('\n').find((one) => one.startsWith(line))
  return Number(found?.slice(found.lastIndexOf(' ')) ?? 0)
}

export const ask = (content: string, more: object = {}): Json => ({
  model: 'tiny',
  messages: [{ role: 'user', content }],
  max_tokens: 20,
  seed: 3,
  ...more,
})
