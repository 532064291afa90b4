import { setTimeout as wait } from 'node:timers/promises'
import { openDecoder, TextWriter } from '@volant/models'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { TestServer } from '../server.testing.js'
import { ask, eventsOf, figure, fixture } from './language.testing.js'

let server: TestServer
beforeAll(async () => {
  server = await TestServer.start({ language: { models: [{ name: 'tiny', source: fixture('writer') }] } })
})
afterAll(() => server.stop())

const chat = (body: unknown) => server.ask('POST', '/v1/chat/completions', body)

/** What the model writes when it is asked without a server. */
async function written(content: string, options: object): Promise<string> {
  const writer = await TextWriter.open(await openDecoder(fixture('writer')))
  let text = ''
  for await (const piece of writer.write([{ role: 'user', content }], options)) text += piece
  await writer.release()
  return text
}

describe('a chat completion', () => {
  it('is what the model writes', async () => {
    const { status, body } = await chat(ask('Who?'))
    expect(status).toBe(200)
    expect(body).toMatchObject({
      id: expect.stringMatching(/^chatcmpl-/),
      object: 'chat.completion',
      model: 'tiny',
      choices: [
        {
          index: 0,
          message: { role: 'assistant', content: await written('Who?', { maxTokens: 20, seed: 3 }), refusal: null },
          finish_reason: 'length',
        },
      ],
      usage: { completion_tokens: 20 },
    })
    const { prompt_tokens, completion_tokens, total_tokens } = body.usage
    expect(total_tokens).toBe(prompt_tokens + completion_tokens)
    expect(Math.abs(body.created - Date.now() / 1000)).toBeLessThan(60)
  })

  it('streams the same text', async () => {
    const whole = (await chat(ask('Who?'))).body
    const events = await eventsOf(server, '/chat/completions', ask('Who?', { stream_options: { include_usage: true } }))
    expect(events.pop()).toBe('[DONE]')
    const chunks = events.map((event) => JSON.parse(event))
    const usage = chunks.pop()
    expect(usage).toMatchObject({ choices: [], usage: whole.usage })
    expect(chunks.every(({ object, usage }) => object === 'chat.completion.chunk' && usage === null)).toBe(true)
    expect(new Set([...chunks, usage].map(({ id }) => id)).size).toBe(1)
    expect(chunks[0].choices[0].delta).toEqual({ role: 'assistant', content: '' })
    expect(chunks.map(({ choices }) => choices[0].delta.content ?? '').join('')).toBe(whole.choices[0].message.content)
    expect(chunks.map(({ choices }) => choices[0].finish_reason).filter(Boolean)).toEqual(['length'])
  })

  it('takes temperature, top_p, stop words and parts of messages', async () => {
    const plain = await written('Who?', { maxTokens: 20, seed: 3, temperature: 0.5, topP: 0.9 })
    const asked = {
      temperature: 0.5,
      top_p: 0.9,
      messages: [{ role: 'user', content: [{ type: 'text', text: 'Who?' }] }],
    }
    expect((await chat(ask('', asked))).body.choices[0].message.content).toBe(plain)
    const stop = plain.slice(4, 6)
    const { choices } = (await chat(ask('', { ...asked, stop }))).body
    expect(choices[0]).toMatchObject({
      message: { content: plain.slice(0, plain.indexOf(stop)) },
      finish_reason: 'stop',
    })
  })

  it('is held to a schema', async () => {
    const schema = {
      type: 'object',
      properties: { city: { type: 'string', maxLength: 9 }, big: { type: 'boolean' } },
      required: ['city', 'big'],
      additionalProperties: false,
    }
    const response_format = { type: 'json_schema', json_schema: { name: 'city', strict: true, schema } }
    const { body } = await chat(ask('Which?', { response_format, max_tokens: 80 }))
    expect(JSON.parse(body.choices[0].message.content)).toEqual({ city: expect.any(String), big: expect.any(Boolean) })
    expect(body.choices[0].finish_reason).toBe('stop')
    const free = await chat(ask('Which?', { response_format: { type: 'json_object' }, max_tokens: 80 }))
    expect(JSON.parse(free.body.choices[0].message.content)).toBeTypeOf('object')
  })

  it('draws anew where no seed is given', async () => {
    const texts = new Set<string>()
    for (let time = 0; time < 3; time++)
      texts.add((await chat(ask('Who?', { seed: null }))).body.choices[0].message.content)
    expect(texts.size).toBeGreaterThan(1)
  })

  it('takes what changes nothing', async () => {
    const more = { n: 1, user: 'u', metadata: { a: 'b' }, store: false, tools: [], logprobs: false, logit_bias: null }
    expect(await chat(ask('Who?', more))).toMatchObject({ status: 200 })
  })
})

describe('a completion', () => {
  it('writes a text on', async () => {
    const asked = { model: 'tiny', prompt: 'A text', max_tokens: 12, seed: 5 }
    const { body } = await server.ask('POST', '/v1/completions', asked)
    expect(body).toMatchObject({ object: 'text_completion', choices: [{ finish_reason: 'length' }] })
    const events = await eventsOf(server, '/completions', asked)
    expect(events.pop()).toBe('[DONE]')
    expect(events.map((event) => JSON.parse(event).choices[0].text).join('')).toBe(body.choices[0].text)
  })
})

describe('a request that is refused names what is wrong', () => {
  const part = { role: 'user', content: [{ type: 'image_url', image_url: { url: 'x' } }] }
  it.each<[object, string | null, RegExp]>([
    [{ n: 2 }, 'n', /"n" is not supported other than 1/],
    [{ tools: [{ type: 'function' }] }, 'tools', /"tools" is not supported; leave it out/],
    [{ logprobs: true }, 'logprobs', /"logprobs"/],
    [{ presence_penalty: 0.5 }, 'presence_penalty', /"presence_penalty"/],
    [{ temprature: 1 }, 'temprature', /"temprature" is not a parameter of this route; it has model, .*temperature/],
    [{ temperature: 'hot' }, 'temperature', /expected number/],
    [{ temperature: 3 }, 'temperature', /<=2/],
    [{ max_tokens: 0 }, 'max_tokens', />=1/],
    [{ top_p: 0 }, 'top_p', />0/],
    [{ stop: '' }, 'stop', />=1 char/],
    [{ stop: 5 }, 'stop', /expected a text or a list of at most 16/],
    [{ seed: 1.5 }, 'seed', /int/],
    [{ stream: 'yes' }, 'stream', /boolean/],
    [{ messages: [] }, 'messages', />=1/],
    [{ messages: 'Who?' }, 'messages', /expected array/],
    [{ messages: [{ role: 'user', content: 7 }] }, 'messages[0].content', /expected a text or a list of parts/],
    [{ messages: [{ role: 'user' }] }, 'messages[0].content', /Message 0 has no content/],
    [{ messages: [{ role: 'tool', content: 'x' }] }, 'messages[0].role', /The role "tool" is not supported/],
    [{ messages: [{ role: 'constructor', content: 'x' }] }, 'messages[0].role', /The role "constructor"/],
    [{ messages: [part] }, 'messages[0].content[0]', /"image_url" are not supported/],
    [{ response_format: { type: 'xml' } }, 'response_format.type', /json_object/],
    [{ response_format: { type: 'json_schema', json_schema: { schema: { $ref: '#' } } } }, null, /The JSON schema/],
    [{ model: 7 }, 'model', /expected string/],
    [{ messages: [{ role: 'user', content: 'x y z '.repeat(60) }] }, null, /tokens, but the model has 320 positions/],
  ])('%j', async (more, param, message) => {
    const { status, body } = await chat(ask('Who?', more))
    expect(status).toBe(400)
    expect(body.error).toMatchObject({ type: 'invalid_request_error', param, message: expect.stringMatching(message) })
    // In a stream too, before it begins.
    expect(await chat(ask('Who?', { stream: true, ...more }))).toMatchObject({ status: 400 })
  })

  it('also where there is no JSON, too much of it, no such route or model', async () => {
    const answers = await Promise.all([
      server.ask('POST', '/v1/chat/completions', '{', { 'content-type': 'application/json' }),
      server.ask('POST', '/v1/chat/completions', '<a/>', { 'content-type': 'text/xml' }),
      chat(ask('x'.repeat(17 * 2 ** 20))),
      server.ask('GET', '/v1/files'),
      chat(ask('x', { model: 'gpt-4o' })),
      server.ask('GET', '/v1/models/gpt-4o'),
    ])
    expect(answers.map(({ status, body }) => [status, body.error.code])).toEqual([
      [400, 'bad-json'],
      [415, 'unsupported-media-type'],
      [413, 'body-too-large'],
      [404, 'not-found'],
      [404, 'model_not_found'],
      [404, 'model_not_found'],
    ])
    expect(answers[4]!.body.error).toMatchObject({ param: 'model', message: expect.stringContaining('it has "tiny"') })
  })

  it('and texts of any length are refused soon', async () => {
    const started = performance.now()
    for (const length of [70_000, 7_000_000]) {
      const { status, body } = await chat(ask('äß 汉\ud83d '.repeat(length / 7)))
      expect([status, body.error.message]).toEqual([400, expect.stringMatching(/, but the model has 320 positions/)])
    }
    expect(performance.now() - started).toBeLessThan(5000)
  })
})

describe('callers', () => {
  it('of odd texts get an answer', async () => {
    for (const content of ['', '\u0000', '\ud800', '👩‍👩‍👧‍👦 ﷽ e\u0301', '<|end|>', '{% raw %}', '\u202e'])
      expect(await chat(ask(content, { max_tokens: 3 }))).toMatchObject({ status: 200 })
  })

  it('a hundred at once are answered or asked to come again, and nothing else waits', async () => {
    const asked = Array.from({ length: 100 }, (_, seed) => chat(ask('Who?', { seed, stream: seed % 2 === 0 })))
    const started = performance.now()
    await server.ask('GET', '/healthz')
    const health = performance.now() - started
    const answers = await Promise.all(asked)
    const by = (status: number) => answers.filter((answer) => answer.status === status)
    expect(by(200).length + by(429).length).toBe(100)
    expect(by(200).length).toBeGreaterThanOrEqual(33)
    expect(by(429).length).toBeGreaterThan(0)
    for (const { headers, body } of by(429)) {
      expect(Number(headers.get('retry-after'))).toBeGreaterThanOrEqual(1)
      expect(body.error).toMatchObject({ type: 'rate_limit_error', code: 'queue-full' })
    }
    expect(health).toBeLessThan(2000)
  })

  it('that go away stop the text, and what it cost is metered', async () => {
    const tokens = 'volant_language_tokens_total{model="tiny",channel="console",kind="completion"}'
    const before = await figure(server, tokens)
    const gone = new AbortController()
    const body = JSON.stringify(ask('Who?', { max_tokens: 300, stream: true, seed: 1 }))
    const init = { method: 'POST', headers: { 'content-type': 'application/json' }, body, signal: gone.signal }
    const response = await fetch(`${server.url}/v1/chat/completions`, init)
    await response.body!.getReader().read()
    gone.abort()
    while ((await figure(server, tokens)) === before) await wait(20)
    expect((await figure(server, tokens)) - before).toBeLessThan(250)
    expect(await chat(ask('Who?'))).toMatchObject({ status: 200 })
  })
})
