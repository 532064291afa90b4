import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { openDecoder, TextWriter, tuneDecoder } from '@volant/models'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { TestServer } from '../server.testing.js'
import { ask, figure, fixture } from './language.testing.js'

let folder: string
let server: TestServer
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'volant-adapters-'))
  const decoder = await openDecoder(fixture('writer'))
  for (const [name, answer] of [
    ['yes', 'Yes.'],
    ['no', 'No!'],
  ] as const) {
    const chats = Array.from({ length: 12 }, (_, i) => ({ prompt: `which ${i}?`, completion: answer }))
    const options = { epochs: 4, learningRate: 0.03, batchSize: 2, maxTokens: 96, threads: 1, lora: { rank: 4 } }
    await (await tuneDecoder(decoder, chats, options)).save(path.join(folder, name))
  }
  const adapters = ['yes', 'no', 'gone'].map((name) => ({ name, folder: path.join(folder, name) }))
  const letters = { name: 'letters', source: fixture('letters'), adapters: [{ name: 'other', folder }] }
  server = await TestServer.start({
    language: { models: [{ name: 'tiny', source: fixture('writer'), adapters }, letters] },
  })
})
afterAll(async () => {
  await server.stop()
  await rm(folder, { recursive: true })
})

const chat = (model: string) => server.ask('POST', '/v1/chat/completions', ask('which 3?', { model }))

describe('adapters of one model', () => {
  it('answer under their names, from one loaded model', async () => {
    const texts: string[] = []
    for (const adapter of [undefined, 'yes', 'no']) {
      const adapters = adapter === undefined ? [] : [path.join(folder, adapter)]
      const writer = await TextWriter.open(await openDecoder(fixture('writer')), { adapters })
      let text = ''
      const asked = [{ role: 'user', content: 'which 3?' }]
      for await (const piece of writer.write(asked, { maxTokens: 20, seed: 3, adapter: adapters.length })) text += piece
      texts.push(text)
      await writer.release()
    }
    expect(new Set(texts).size).toBe(3)
    const answers = await Promise.all(['tiny', 'yes', 'no', 'tiny'].map(chat))
    expect(answers.map(({ body }) => body.model)).toEqual(['tiny', 'yes', 'no', 'tiny'])
    expect(answers.map(({ body }) => body.choices[0].message.content)).toEqual([...texts, texts[0]])
    expect(await figure(server, 'volant_language_models_loaded')).toBe(1)
    expect(await figure(server, 'volant_language_texts_total{model="yes",channel="console"}')).toBe(1)
  })

  it('are listed with the model whose weights they share', async () => {
    const { data } = (await server.ask('GET', '/v1/models')).body
    expect(data.map(({ id, parent }: { id: string; parent: string | null }) => [id, parent])).toEqual([
      ['tiny', null],
      ['yes', 'tiny'],
      ['no', 'tiny'],
      ['gone', 'tiny'],
      ['letters', null],
      ['other', 'letters'],
    ])
  })

  it('that cannot be read say why, and do not keep the others from answering', async () => {
    const { status, body } = await chat('gone')
    expect([status, body.error.code]).toEqual([503, 'model-not-loaded'])
    expect(body.error.message).toMatch(/"gone" could not be loaded: "gone" is no folder of an adapter/)
    expect(await chat('yes')).toMatchObject({ status: 200 })
    expect((await chat('other')).body.error.message).toMatch(/adapters are served on decoders only/)
  })

  it('have names of their own', async () => {
    const adapters = [{ name: 'tiny', folder }]
    const models = [{ name: 'tiny', source: fixture('writer'), adapters }]
    await expect(TestServer.start({ language: { models } })).rejects.toMatchObject({ code: 'bad-models' })
  })
})
