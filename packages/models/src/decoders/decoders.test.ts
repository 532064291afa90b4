import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import type { ChatMessage } from '../tokenisers/chat.js'
import { openDecoder } from './pretrained.js'
import { type TextOptions, TextWriter } from './text.js'

/** A decoder of random weights whose tokens are bytes. */
const folder = fileURLToPath(new URL('../../test/fixtures/writer', import.meta.url))
let writer: TextWriter

beforeAll(async () => {
  writer = await TextWriter.open(await openDecoder(folder))
})

afterAll(() => writer.release())

async function pieces(prompt: string | ChatMessage[], options: TextOptions = {}): Promise<string[]> {
  const all: string[] = []
  for await (const piece of writer.write(prompt, options)) all.push(piece)
  return all
}

describe('writing on', () => {
  it('gives the text of its tokens, in pieces of whole characters', async () => {
    const ids = Array.from(writer.tokeniser.encode('a text').ids)
    const [tokens] = await writer.generator.generate([ids], { length: 30, seed: 3, stop: [259] })
    const written = await pieces('a text', { maxTokens: 30, seed: 3 })
    expect(written.join('')).toBe(writer.tokeniser.decode(tokens!))
    expect(written.length).toBeGreaterThan(2)
  })

  it('never divides a character', async () => {
    const text = 'Zürich 😀, 汉字!'
    const bytes = Array.from(writer.tokeniser.encode(text).ids)
    expect(bytes.length).toBe(Buffer.byteLength(text))
    const stream = vi.spyOn(writer.generator, 'stream').mockImplementation(async function* () {
      yield* bytes
    })
    expect(await pieces('a text')).toEqual(Array.from(text))
    stream.mockRestore()
  })

  it('puts a conversation down as the template says', async () => {
    const question = [{ role: 'user', content: 'Who?' }]
    const asked = await pieces(question, { maxTokens: 30, seed: 3 })
    expect(asked).toEqual(await pieces('user: Who?\nassistant: ', { maxTokens: 30, seed: 3 }))
    expect(asked).not.toEqual(await pieces('Who?', { maxTokens: 30, seed: 3 }))
  })

  it('ends before a stop word, wherever the pieces end', async () => {
    const whole = (await pieces('a text', { maxTokens: 30, seed: 3 })).join('')
    const word = whole.slice(6, 9)
    const cut = await pieces('a text', { maxTokens: 30, seed: 3, stop: [word, 'not in it'] })
    expect(cut.join('')).toBe(whole.slice(0, whole.indexOf(word)))
    const empty = await pieces('a text', { maxTokens: 30, seed: 3, stop: [''] })
    expect(empty.join('')).toBe(whole)
  })

  it('counts tokens, and says what ended the text', async () => {
    const figures = async (prompt: string, options: TextOptions) => {
      const writing = writer.write(prompt, options)
      expect(writing.ended).toBeUndefined()
      for await (const _ of writing);
      const { promptTokens, tokens, ended } = writing
      return { promptTokens, tokens, ended }
    }
    const promptTokens = writer.tokeniser.encode('a text').ids.length
    const whole = (await pieces('a text', { maxTokens: 30, seed: 3 })).join('')
    expect(await figures('a text', { maxTokens: 30, seed: 3 })).toEqual({ promptTokens, tokens: 30, ended: 'length' })
    const stopped = await figures('a text', { maxTokens: 30, seed: 3, stop: [whole.slice(6, 9)] })
    expect(stopped).toMatchObject({ promptTokens, ended: 'stop' })
    expect(stopped.tokens).toBeLessThan(30)
    expect(await figures('a text', { schema: { const: null } })).toEqual({ promptTokens, tokens: 4, ended: 'stop' })
  })

  it('never goes beyond the positions, and refuses a prompt that fills them', async () => {
    await expect(pieces('x y z '.repeat(52), { maxTokens: 1000, temperature: 0 })).resolves.toBeDefined()
    await expect(pieces('x y z '.repeat(60), {})).rejects.toThrow(/tokens, but the model has 320 positions/)
  })

  it('stops when it is told to', async () => {
    const controller = new AbortController()
    const text = writer.write('a text', { maxTokens: 50, signal: controller.signal })[Symbol.asyncIterator]()
    await text.next()
    controller.abort(new Error('enough'))
    await expect(text.next()).rejects.toThrow('enough')
  })
})
