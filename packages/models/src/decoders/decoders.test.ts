import { existsSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { TextGenerator } from '@volant/nn'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { askPython, python } from '../../test/python.js'
import type { GgufValue } from '../files/gguf.js'
import type { ChatMessage } from '../tokenisers/chat.js'
import { Tokeniser } from '../tokenisers/tokeniser.js'
import { ggufConfig } from './gguf.js'
import { decoderNetwork, openDecoder } from './pretrained.js'
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

describe('GGUF', () => {
  it('refuses unknown architectures by name', () => {
    const file = { metadata: new Map([['general.architecture', 'mamba']]), tensors: new Map() }
    expect(() => ggufConfig(file, 'a.gguf')).toThrow(/a\.gguf: the architecture "mamba" is not known in GGUF files/)
  })

  it('refuses scales that a tensor holds, and takes a linear one', () => {
    const metadata = new Map<string, GgufValue>([
      ['general.architecture', 'llama'],
      ['llama.rope.scaling.type', 'linear'],
      ['llama.rope.scaling.factor', 4],
    ])
    expect(ggufConfig({ metadata, tensors: new Map() }, 'a.gguf').section('rope_parameters').values).toMatchObject({
      rope_type: 'linear',
      factor: 4,
    })
    const tensors = new Map([['rope_freqs.weight', { shape: [4], dtype: 'float32' as const, format: 'F32' }]])
    expect(() => ggufConfig({ metadata, tensors }, 'a.gguf')).toThrow(/a\.gguf: rotary positions scaled by the tensor/)
  })

  const models = process.env['VOLANT_TEST_MODELS']
  const file = path.join(models ?? '', 'smollm2.gguf')
  it.skipIf(!models || !existsSync(file) || !python)(
    'says what transformers says (VOLANT_TEST_MODELS/smollm2.gguf, VOLANT_PARITY_PYTHON)',
    { timeout: 120_000 },
    async () => {
      const decoder = await openDecoder(file)
      const ids = Array.from(new Tokeniser(decoder.description.tokeniser).encode('The capital of France is').ids)
      const expected = askPython<{ logits: number[]; next: number[] }>('gguf_logits.py', { file, ids })
      const generator = await TextGenerator.open(decoderNetwork(decoder.description), await decoder.weights())
      const [logits] = await generator.steps.start([ids])
      const differences = expected.logits.map((value, token) => Math.abs(value - logits![token]!))
      const [next] = await generator.generate([ids], { length: 20, temperature: 0, stop: decoder.description.ends })
      await generator.release()
      expect(Math.max(...differences)).toBeLessThan(1e-4)
      expect(next).toEqual(expected.next.filter((id) => !decoder.description.ends.includes(id)))
    },
  )
})
