import { openEncoder, TextEmbedder } from '@volant/models'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { TestServer } from '../server.testing.js'
import { ask, figure, fixture } from './language.testing.js'

let server: TestServer
beforeAll(async () => {
  const models = [
    { name: 'tiny', source: fixture('writer') },
    { name: 'letters', source: fixture('letters') },
  ]
  server = await TestServer.start({ language: { models } })
})
afterAll(() => server.stop())

const embed = (more: object) => server.ask('POST', '/v1/embeddings', { model: 'letters', input: 'abc', ...more })

describe('embeddings', () => {
  it('are what the encoder gives, in the order of the texts', async () => {
    const texts = ['abc', 'a b c d e f', 'b', 'abc']
    const embedder = await TextEmbedder.open(await openEncoder(fixture('letters')), { worker: false })
    const expected = await embedder.embed(texts)
    await embedder.release()
    const { status, body } = await embed({ input: texts })
    expect(status).toBe(200)
    expect(body).toMatchObject({
      object: 'list',
      model: 'letters',
      usage: { prompt_tokens: expected.tokens, total_tokens: expected.tokens },
    })
    for (const [index, one] of body.data.entries()) {
      expect(one).toMatchObject({ object: 'embedding', index })
      expect(one.embedding).toEqual(Array.from(expected.vectors[index]!))
    }
    expect(body.data).toHaveLength(4)
  })

  it('are the same in base64, and for one text', async () => {
    const [{ embedding }] = (await embed({})).body.data
    const [{ embedding: base64 }] = (await embed({ encoding_format: 'base64', dimensions: embedding.length })).body.data
    const bytes = Buffer.from(base64, 'base64')
    expect(embedding).toEqual(Array.from({ length: bytes.length / 4 }, (_, at) => bytes.readFloatLE(at * 4)))
  })

  it('are metered, a prediction a text', async () => {
    const texts = () => figure(server, 'volant_language_texts_total{model="letters",channel="console"}')
    const before = await texts()
    const { usage } = (await embed({ input: ['a', 'b', 'c'] })).body
    expect((await texts()) - before).toBe(3)
    expect(usage.total_tokens).toBeGreaterThan(0)
    expect(
      await figure(server, 'volant_language_tokens_total{model="letters",channel="console",kind="completion"}'),
    ).toBe(0)
  })

  it.each<[object, string, RegExp]>([
    [{ input: '' }, 'input', />=1 char/],
    [{ input: [] }, 'input', />=1 items/],
    [{ input: ['a', ''] }, 'input[1]', />=1 char/],
    [{ input: [1, 2, 3] }, 'input', /token ids are not supported/],
    [{ input: [[1, 2]] }, 'input', /token ids are not supported/],
    [{ input: undefined }, 'input', /expected a text or a list/],
    [{ dimensions: 2 }, 'dimensions', /Vectors of this model have \d+ dimensions, not 2/],
    [{ encoding_format: 'int8' }, 'encoding_format', /"float"\|"base64"/],
    [{ input_type: 'query' }, 'input_type', /"input_type" is not a parameter of this route/],
    [{ model: 'tiny' }, 'model', /"tiny" writes texts and makes no vectors; ask it at \/v1\/chat\/completions/],
  ])('refuses %j', async (more, param, message) => {
    const { status, body } = await embed(more)
    expect([status, body.error.param, body.error.message]).toEqual([400, param, expect.stringMatching(message)])
  })

  it('are made of at most 2048 texts at once', async () => {
    expect(await embed({ input: Array(2048).fill('a') })).toMatchObject({ status: 200 })
    const { status, body } = await embed({ input: Array(2049).fill('a') })
    expect([status, body.error.message]).toEqual([400, expect.stringContaining('at most 2048 texts')])
  })

  it('are not what a chat gives', async () => {
    const { status, body } = await server.ask('POST', '/v1/chat/completions', ask('x', { model: 'letters' }))
    expect([status, body.error.message]).toEqual([400, expect.stringContaining('ask it at /v1/embeddings')])
  })

  it('take odd and long texts', async () => {
    const input = ['\u0000', '\ud800', ' ', '﷽', 'a b '.repeat(1_000_000)]
    expect(await embed({ input })).toMatchObject({ status: 200 })
    const many = await Promise.all(Array.from({ length: 60 }, () => embed({ input: Array(50).fill('a b c') })))
    // How many have to wait too long depends on the machine.
    const statuses = new Set(many.map(({ status }) => status))
    expect(statuses).toContain(200)
    expect([...statuses].filter((status) => status !== 200 && status !== 429)).toEqual([])
  })
})
