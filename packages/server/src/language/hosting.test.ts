import { copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { TestServer } from '../server.testing.js'
import { ask, figure, fixture } from './language.testing.js'

const tiny = { name: 'tiny', source: fixture('writer') }

describe('models that cannot be loaded', () => {
  let folder: string
  let server: TestServer
  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'volant-broken-'))
    for (const name of ['cut', 'later']) await mkdir(path.join(folder, name))
    for (const name of ['config.json', 'tokenizer.json', 'tokenizer_config.json'])
      await copyFile(path.join(fixture('writer'), name), path.join(folder, 'cut', name))
    await writeFile(path.join(folder, 'cut/model.safetensors'), 'no weights')
    const models = ['missing', 'cut', 'later'].map((name) => ({ name, source: path.join(folder, name) }))
    // The folder that the tests run in, and a name on a hub that cannot be reached.
    models.push({ name: 'here', source: '.' }, { name: 'hub', source: 'a' })
    server = await TestServer.start({ language: { models: [tiny, ...models] } })
  })
  afterAll(async () => {
    await server.stop()
    await rm(folder, { recursive: true })
  })

  it.each([
    ['missing', /"missing" could not be loaded: "missing" is no folder of a pretrained model/],
    ['cut', /"cut" could not be loaded: .*model\.safetensors/],
    ['here', /^The language model "here" could not be loaded: [^.]*"?here[^.]*config\.json/],
    [
      'hub',
      /^The language model "hub" could not be loaded: "hub" is no folder or file here, and cannot be had from the hub: /,
    ],
  ])('say why: %s', async (model, why) => {
    for (const stream of [false, true]) {
      const { status, headers, body } = await server.ask('POST', '/v1/chat/completions', ask('x', { model, stream }))
      expect(status).toBe(503)
      expect(body.error).toMatchObject({ type: 'server_error', code: 'model-not-loaded' })
      expect(body.error.message).toMatch(why)
      expect(body.error.message).not.toContain(folder)
      expect(headers.get('x-should-retry')).toBe('false')
    }
    expect(await server.ask('POST', '/v1/chat/completions', ask('x'))).toMatchObject({ status: 200 })
  })

  it('answer once they are mended', async () => {
    const asked = () => server.ask('POST', '/v1/chat/completions', ask('x', { model: 'later' }))
    expect(await asked()).toMatchObject({ status: 503 })
    for (const name of ['config.json', 'tokenizer.json', 'tokenizer_config.json', 'model.safetensors'])
      await copyFile(path.join(fixture('writer'), name), path.join(folder, 'later', name))
    expect(await asked()).toMatchObject({ status: 200 })
  })
})

describe('names', () => {
  it.each([
    [[{ name: 'a/b', source: 'x' }], '"a/b" cannot be the name of a language model'],
    [[tiny, tiny], 'Two language models are called "tiny"'],
  ])('are checked before the server starts', async (models, sentence) => {
    await expect(TestServer.start({ language: { models } })).rejects.toMatchObject({
      code: 'bad-models',
      message: expect.stringContaining(sentence),
    })
  })

  it('without any model, the sentence says how to have one', async () => {
    const server = await TestServer.start()
    expect((await server.ask('GET', '/v1/models')).body).toEqual({ object: 'list', data: [] })
    const { body } = await server.ask('POST', '/v1/chat/completions', ask('x'))
    expect(body.error.message).toContain('start it with --model name=folder')
    await server.stop()
  })
})

describe('a model that nobody asks', () => {
  it('is released, and loaded again when it is asked', async () => {
    const server = await TestServer.start({ language: { models: [tiny], idleTime: 300 } })
    const loaded = () => figure(server, 'volant_language_models_loaded')
    expect(await loaded()).toBe(0)
    const first = await server.ask('POST', '/v1/chat/completions', ask('x'))
    expect(await loaded()).toBe(1)
    while ((await loaded()) > 0) await wait(50)
    const second = await server.ask('POST', '/v1/chat/completions', ask('x'))
    expect(second.body.choices).toEqual(first.body.choices)
    await server.stop()
  })
})

describe('keys', () => {
  let server: TestServer
  const keys: Record<string, string> = {}
  const as = (name: string) => ({ authorization: `Bearer ${keys[name]}` })
  beforeAll(async () => {
    server = await TestServer.start({ keys: 'always', language: { models: [tiny] } })
    keys['owner'] = server.server.ownerKey!
    const make = async (name: string, more: object) => {
      keys[name] = (await server.api('POST', '/keys', { name, channel: 'shop', ...more }, as('owner'))).key
    }
    await make('predict', { scopes: ['predict'] })
    await make('read', { scopes: ['read'], channel: 'desk' })
    await make('project', { scopes: ['predict'], project: 'p' })
  })
  afterAll(() => server.stop())

  const chat = (name?: string) =>
    server.ask(
      'POST',
      '/v1/chat/completions',
      ask('x'),
      name === undefined ? {} : name in keys ? as(name) : { authorization: 'Bearer sk-wrong' },
    )

  it('are the keys of the server', async () => {
    expect(await chat('predict')).toMatchObject({ status: 200 })
    expect((await server.ask('GET', '/v1/models', undefined, as('predict'))).body.data).toMatchObject([{ id: 'tiny' }])
    const refused = await Promise.all([chat(), chat('wrong'), chat('read'), chat('project')])
    expect(refused.map(({ status, body }) => [status, body.error.type, body.error.code])).toEqual([
      [401, 'authentication_error', 'key-missing'],
      [401, 'authentication_error', 'invalid_api_key'],
      [403, 'permission_error', 'scope-missing'],
      [403, 'permission_error', 'scope-missing'],
    ])
  })

  it('count tokens by channel, key, model and day, also after a restart, and keep to the quota of the channel', async () => {
    const { usage } = (await chat('predict')).body
    const used = async () => (await server.api('GET', '/tokens', undefined, as('owner'))).items
    const [{ id }] = (await server.api('GET', '/keys', undefined, as('owner'))).items.filter(
      (one: { name: string }) => one.name === 'predict',
    )
    const expected = {
      channel: 'shop',
      key: id,
      model: 'tiny',
      day: new Date().toISOString().slice(0, 10),
      predictions: 2,
      promptTokens: 2 * usage.prompt_tokens,
      completionTokens: 2 * usage.completion_tokens,
    }
    expect(await used()).toEqual([expected])
    expect(await server.ask('GET', '/api/v1/tokens', undefined, as('predict'))).toMatchObject({ status: 403 })
    server = await server.restart()
    await server.api('PUT', '/channels/shop', { quota: { predictions: 3, per: 'day' } }, as('owner'))
    expect(await chat('predict')).toMatchObject({ status: 200 })
    const over = await chat('predict')
    expect(over).toMatchObject({
      status: 429,
      body: { error: { type: 'rate_limit_error', code: 'insufficient_quota' } },
    })
    expect(over.headers.get('x-should-retry')).toBe('false')
    expect(await used()).toEqual([
      {
        ...expected,
        predictions: 3,
        promptTokens: 3 * usage.prompt_tokens,
        completionTokens: 3 * usage.completion_tokens,
      },
    ])
  })
})
