import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { askPython, python } from '../../test/python.js'
import { TextEmbedder } from './embedder.js'
import { openEncoder } from './pretrained.js'

const folder = fileURLToPath(new URL('../../test/fixtures/letters', import.meta.url))
/** What transformers says of some texts, one of them empty and one too long. */
const known: { texts: string[]; vectors: number[][] } = JSON.parse(
  readFileSync(path.join(folder, 'vectors.json'), 'utf8'),
)
let embedder: TextEmbedder

beforeAll(async () => {
  embedder = await TextEmbedder.open(await openEncoder(folder))
})

afterAll(() => embedder.release())

/** The greatest difference between numbers of the two. */
function difference(a: readonly ArrayLike<number>[], b: readonly ArrayLike<number>[]): number {
  expect(a.length).toBe(b.length)
  return Math.max(...a.flatMap((row, i) => Array.from(row, (value, j) => Math.abs(value - b[i]![j]!))))
}

const cosine = (a: Float32Array, b: Float32Array) =>
  a.reduce((sum, x, i) => sum + x * b[i]!, 0) / Math.hypot(...a) / Math.hypot(...b)

describe('vectors of texts', () => {
  it('are those of the reference implementation, cut and empty texts too', async () => {
    const { vectors, tokens } = await embedder.embed(known.texts)
    expect(embedder.width).toBe(16)
    expect(difference(vectors, known.vectors)).toBeLessThan(1e-4)
    expect(tokens).toBe(known.texts.reduce((sum, text) => sum + embedder.countTokens(text), 0))
    expect(known.texts.map((text) => embedder.countTokens(text)).slice(1, 3)).toEqual([2, 32])
  })

  it('have length 1 when asked for, and are none for no texts', async () => {
    const { vectors } = await embedder.embed(known.texts, { normalise: true })
    for (const [i, vector] of vectors.entries()) {
      expect(Math.hypot(...vector)).toBeCloseTo(1, 5)
      expect(cosine(vector, Float32Array.from(known.vectors[i]!))).toBeCloseTo(1, 5)
    }
    expect(await embedder.embed([])).toEqual({ vectors: [], tokens: 0 })
  })

  it('keep the order of many texts of any length, batch by batch', async () => {
    const texts = Array.from({ length: 300 }, (_, i) => 'ab '.repeat((i * 7) % 11) + known.texts[i % 5])
    const seen: number[] = []
    const { vectors } = await embedder.embed(texts, { onProgress: (done) => seen.push(done) })
    for (const row of [0, 1, 7, 150, 299]) {
      const alone = await embedder.embed([texts[row]!])
      expect(difference([vectors[row]!], alone.vectors)).toBeLessThan(1e-5)
    }
    expect(seen.length).toBeGreaterThan(2)
    expect(seen.at(-1)).toBe(300)
  })

  it('stop when told to', async () => {
    const controller = new AbortController()
    const stopped = embedder.embed(Array(300).fill('a text'), {
      signal: controller.signal,
      onProgress: () => controller.abort(new Error('enough')),
    })
    await expect(stopped).rejects.toThrow('enough')
  })
})

const minilm = path.join(process.env['VOLANT_TEST_MODELS'] ?? 'absent', 'minilm')
describe.skipIf(!existsSync(minilm))('MiniLM (VOLANT_TEST_MODELS/minilm)', () => {
  const texts = ['This is an example sentence', 'Each sentence is converted', 'x '.repeat(400), '']

  it('gives the vectors that its page shows', { timeout: 60_000 }, async () => {
    const real = await TextEmbedder.open(await openEncoder(minilm), { threads: 2 })
    const { vectors } = await real.embed(texts.slice(0, 2))
    await real.release()
    expect(difference([vectors[0]!.slice(0, 3)], [[0.0676569, 0.063496, 0.0487131]])).toBeLessThan(1e-5)
    expect(vectors[1]![0]).toBeCloseTo(0.0864386, 5)
  })

  it('gives nearly the same in 8 bits', { timeout: 60_000 }, async () => {
    const encoder = await openEncoder(minilm)
    const [whole, small] = await Promise.all(
      ([undefined, 'int8'] as const).map(async (quantise) => {
        const real = await TextEmbedder.open(encoder, { threads: 2, ...(quantise && { quantise }) })
        const { vectors } = await real.embed(texts)
        await real.release()
        return vectors
      }),
    )
    for (const [i, vector] of whole!.entries()) expect(cosine(vector, small![i]!)).toBeGreaterThan(0.95)
    expect(difference(whole!, small!)).toBeGreaterThan(1e-4)
  })

  it.skipIf(!python)('says what transformers says (VOLANT_PARITY_PYTHON)', { timeout: 120_000 }, async () => {
    const real = await TextEmbedder.open(await openEncoder(minilm), { threads: 2 })
    const { vectors } = await real.embed(texts, { normalise: false })
    await real.release()
    const expected = askPython<number[][]>('sentence_vectors.py', { folder: minilm, texts, longest: 256 })
    expect(difference(vectors, expected)).toBeLessThan(1e-5)
  })
})
