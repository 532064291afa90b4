import { existsSync } from 'node:fs'
import path from 'node:path'
import OpenAI from 'openai'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { TestServer } from '../server.testing.js'
import { fixture } from './language.testing.js'

const folder = process.env['VOLANT_TEST_MODELS']
const smollm = path.join(folder ?? '', 'smollm2.gguf')
const minilm = path.join(folder ?? '', 'minilm')

/** The real client against a real server. */
let server: TestServer
let client: OpenAI
beforeAll(async () => {
  const models = [
    { name: 'tiny', source: fixture('writer') },
    { name: 'missing', source: '/not/there' },
    { name: 'smollm', source: smollm },
    { name: 'letters', source: fixture('letters') },
    { name: 'minilm', source: minilm },
  ]
  server = await TestServer.start({ keys: 'always', language: { models, threads: 2 } })
  const headers = { authorization: `Bearer ${server.server.ownerKey}` }
  const { key } = await server.api('POST', '/keys', { name: 'app', channel: 'app', scopes: ['predict'] }, headers)
  client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: key })
})
afterAll(() => server.stop())

const messages = [{ role: 'user' as const, content: 'Who?' }]

describe("OpenAI's client", () => {
  it('lists models', async () => {
    const ids: string[] = []
    for await (const { id } of client.models.list()) ids.push(id)
    expect(ids).toEqual(['tiny', 'missing', 'smollm', 'letters', 'minilm'])
    expect(await client.models.retrieve('tiny')).toMatchObject({ id: 'tiny', object: 'model' })
    await expect(client.models.retrieve('gpt-4o')).rejects.toBeInstanceOf(OpenAI.NotFoundError)
  })

  it('needs no key on the machine of a server that asks for none', async () => {
    const open = await TestServer.start({ language: { models: [{ name: 'tiny', source: fixture('writer') }] } })
    const list = (apiKey: string) => new OpenAI({ baseURL: `${open.url}/v1`, apiKey }).models.list()
    expect((await list('none')).data).toHaveLength(1)
    await expect(list(client.apiKey!)).rejects.toBeInstanceOf(OpenAI.AuthenticationError)
    const elsewhere = { authorization: 'Bearer none', 'x-forwarded-for': '1.2.3.4' }
    expect(await open.ask('GET', '/v1/models', undefined, elsewhere)).toMatchObject({ status: 401 })
    expect(await open.ask('GET', '/api/v1/me', undefined, elsewhere)).toMatchObject({ status: 401 })
    expect(await open.ask('GET', '/api/v1/me', undefined, { authorization: 'Bearer none' })).toMatchObject({
      status: 401,
    })
    await open.stop()
  })

  it('chats, whole and streamed', async () => {
    const asked = { model: 'tiny', messages, max_completion_tokens: 24, seed: 5, temperature: 0.8 }
    const whole = await client.chat.completions.create(asked)
    const text = whole.choices[0]!.message.content
    expect(whole).toMatchObject({ usage: { completion_tokens: 24 }, choices: [{ finish_reason: 'length' }] })
    const pieces: string[] = []
    let usage: OpenAI.CompletionUsage | null | undefined
    const options = { ...asked, stream: true as const, stream_options: { include_usage: true } }
    for await (const chunk of await client.chat.completions.create(options)) {
      pieces.push(chunk.choices[0]?.delta.content ?? '')
      usage = chunk.usage
    }
    expect(pieces.join('')).toBe(text)
    expect(pieces.length).toBeGreaterThan(5)
    expect(usage).toEqual(whole.usage)
    const helper = client.chat.completions.stream({ ...asked, stream_options: { include_usage: true } })
    expect((await helper.finalChatCompletion()).choices[0]!.message.content).toBe(text)
  })

  it('stops a stream', async () => {
    const stream = await client.chat.completions.create({ model: 'tiny', messages, max_tokens: 250, stream: true })
    for await (const _ of stream) break
    expect(await client.chat.completions.create({ model: 'tiny', messages, max_tokens: 2 })).toBeDefined()
  })

  it('parses what is held to a schema', async () => {
    const schema = {
      type: 'object',
      properties: { age: { type: 'integer' }, name: { type: 'string', maxLength: 5 } },
      required: ['age', 'name'],
      additionalProperties: false,
    }
    const response_format = { type: 'json_schema' as const, json_schema: { name: 'person', strict: true, schema } }
    const answer = await client.chat.completions.parse({ model: 'tiny', messages, max_tokens: 90, response_format })
    expect(JSON.parse(answer.choices[0]!.message.content!)).toEqual({
      age: expect.any(Number),
      name: expect.any(String),
    })
  })

  it('completes', async () => {
    const { choices } = await client.completions.create({ model: 'tiny', prompt: 'A text', max_tokens: 8 })
    expect(choices[0]!.finish_reason).toBe('length')
  })

  it('embeds texts, as numbers and in base64', async () => {
    const input = ['abc abd', 'b', 'Zürich 😀']
    const { data, usage } = await client.embeddings.create({ model: 'letters', input })
    const plain = await client.embeddings.create({ model: 'letters', input, encoding_format: 'float' })
    expect(data.map(({ index }) => index)).toEqual([0, 1, 2])
    expect(data).toEqual(plain.data)
    expect(usage).toEqual(plain.usage)
    expect(usage.prompt_tokens).toBeGreaterThan(6)
  })

  it('throws what the server refuses', async () => {
    const refused = (options: Partial<OpenAI.ChatCompletionCreateParamsNonStreaming>) =>
      client.chat.completions.create({ model: 'tiny', messages, ...options }).catch((error) => error)
    expect(await refused({ n: 3 })).toMatchObject({ status: 400, param: 'n', type: 'invalid_request_error' })
    expect(await refused({ model: 'none' })).toMatchObject({ status: 404, code: 'model_not_found' })
    expect(await refused({ model: 'missing' })).toMatchObject({ status: 503, code: 'model-not-loaded' })
    const stranger = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'sk-wrong' })
    await expect(stranger.models.list()).rejects.toBeInstanceOf(OpenAI.AuthenticationError)
  })

  it.skipIf(!existsSync(smollm))('asks SmolLM2 (VOLANT_TEST_MODELS/smollm2.gguf)', { timeout: 120_000 }, async () => {
    const { choices } = await client.chat.completions.create({
      model: 'smollm',
      messages: [{ role: 'user', content: 'What is the capital of France?' }],
      temperature: 0,
      max_tokens: 24,
    })
    expect(choices[0]!.message.content).toContain('Paris')
  })
  it.skipIf(!existsSync(minilm))('asks MiniLM (VOLANT_TEST_MODELS/minilm)', { timeout: 120_000 }, async () => {
    const input = ['Where is my card?', 'My card has not arrived.', 'The weather is fine today.']
    const { data } = await client.embeddings.create({ model: 'minilm', input })
    const [card, arrived, weather] = data.map(({ embedding }) => embedding)
    const likeness = (a: number[], b: number[]) => a.reduce((sum, value, at) => sum + value * b[at]!, 0)
    expect(likeness(card!, card!)).toBeCloseTo(1, 4)
    expect(likeness(card!, arrived!)).toBeGreaterThan(likeness(card!, weather!) + 0.3)
  })
})
