import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { TextEmbedder } from './embedder.js'
import { openEncoder } from './pretrained.js'

const letters = fileURLToPath(new URL('../../test/fixtures/letters', import.meta.url))
const models = process.env['VOLANT_TEST_MODELS']
const minilm = join(models ?? '', 'minilm')

const cosine = (a: Float32Array, b: Float32Array) =>
  a.reduce((sum, value, at) => sum + value * b[at]!, 0) / Math.hypot(...a) / Math.hypot(...b)

describe('vectors of texts', () => {
  it('are the same alone and among others of any length, in their order, empty texts too', async () => {
    const embedder = await TextEmbedder.open(await openEncoder(letters))
    const texts = Array.from({ length: 300 }, (_, i) => 'abc def ghi jkl '.repeat(i % 5).slice(0, i % 61))
    const { vectors, tokens } = await embedder.embed(texts)
    expect(vectors).toHaveLength(300)
    expect(tokens).toBe(texts.reduce((sum, text) => sum + embedder.tokens(text).length, 0))
    for (const row of [0, 7, 59, 299]) {
      const [alone] = (await embedder.embed([texts[row]!])).vectors
      expect(alone).toHaveLength(embedder.width)
      for (const [at, value] of alone!.entries()) expect(value).toBeCloseTo(vectors[row]![at]!, 5)
    }
    expect((await embedder.embed([])).vectors).toEqual([])
    await embedder.release()
  })

  it('in 8-bit whole numbers are nearly the same; asked to be normalised they have length 1', async () => {
    const encoder = await openEncoder(letters)
    const [float, whole] = [
      await TextEmbedder.open(encoder),
      await TextEmbedder.open(encoder, { quantise: 'int8', normalise: true }),
    ]
    const texts = ['abc', 'the quick brown fox', 'zzz yyy']
    const [a, b] = [(await float.embed(texts)).vectors, (await whole.embed(texts)).vectors]
    for (const [row, vector] of b.entries()) {
      expect(Math.hypot(...vector)).toBeCloseTo(1, 4)
      expect(cosine(vector, a[row]!)).toBeGreaterThan(0.97)
    }
    await Promise.all([float.release(), whole.release()])
  })

  it('a signal that is aborted ends it with its reason', async () => {
    const embedder = await TextEmbedder.open(await openEncoder(letters))
    const reason = new Error('enough')
    await expect(embedder.embed(['abc'], { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
    await embedder.release()
  })

  it.skipIf(!existsSync(minilm))(
    'MiniLM (VOLANT_TEST_MODELS/minilm) finds what is alike, as its model card shows',
    async () => {
      const embedder = await TextEmbedder.open(await openEncoder(minilm))
      const { vectors } = await embedder.embed([
        'My card was swallowed by the machine',
        'The ATM kept my card',
        'It is raining in Paris today',
      ])
      expect(cosine(vectors[0]!, vectors[1]!)).toBeGreaterThan(0.6)
      expect(cosine(vectors[0]!, vectors[2]!)).toBeLessThan(0.2)
      await embedder.release()
    },
  )
})
