import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { askPython, python } from '../../test/python.js'
import { TextEmbedder } from './embedder.js'
import type { EmbeddingExamples } from './examples.js'
import { products } from './nearest.js'
import { openEncoder, type PretrainedEncoder } from './pretrained.js'
import { type TuneOptions, tuneEncoder } from './tune.js'
import { textsOf } from './tuning-texts.js'
import { writeEncoder } from './write.js'

const letters = fileURLToPath(new URL('../../test/fixtures/letters', import.meta.url))
let folder: string
let base: PretrainedEncoder

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'volant-tune-'))
  base = await openEncoder(letters)
})

afterAll(() => rm(folder, { recursive: true, force: true }))

const few: TuneOptions = { epochs: 40, batchSize: 6, learningRate: 0.01, threads: 1 }
const queries = ['abc', 'def', 'ghi', 'jkl', 'mno', 'pqr']
const answers = ['zyx', 'wvu', 'tsr', 'qpo', 'nml', 'kji']

async function vectorsOf(encoder: PretrainedEncoder, texts: readonly string[], normalise = true) {
  const embedder = await TextEmbedder.open(encoder)
  const { vectors } = await embedder.embed(texts, { normalise })
  await embedder.release()
  return vectors
}

/** The share of queries whose own answer is the most similar. */
async function found(encoder: PretrainedEncoder): Promise<number> {
  const asked = await vectorsOf(encoder, queries)
  const all = await vectorsOf(encoder, answers)
  const right = asked.filter((vector, row) => {
    const similar = products(vector, all)
    return similar.every((other, i) => i === row || other < similar[row]!)
  })
  return right.length / queries.length
}

describe('tuning', () => {
  it('brings pairs together, also beside negatives, the same for the same seed', { timeout: 60_000 }, async () => {
    expect(await found(base)).toBeLessThan(0.5)
    const pairs: EmbeddingExamples = { kind: 'pairs', queries, answers }
    const tuned = await tuneEncoder(base, pairs, few)
    expect(await found(tuned)).toBe(1)
    const again = await tuneEncoder(base, pairs, few)
    expect([...(await again.weights())]).toEqual([...(await tuned.weights())])
    const other = await tuneEncoder(base, { ...pairs, negatives: answers.toReversed() }, few)
    expect(await found(other)).toBe(1)
  })

  it('learns scores as cosines', { timeout: 60_000 }, async () => {
    const scores = [5, 1, 5, 1, 3, 3]
    const tuned = await tuneEncoder(base, { kind: 'scored', first: queries, second: answers, scores }, few)
    const [a, b] = [await vectorsOf(tuned, queries), await vectorsOf(tuned, answers)]
    const cosines = a.map((vector, row) => products(vector, [b[row]!])[0]!)
    for (const [row, score] of scores.entries()) expect(Math.abs(cosines[row]! - (score - 1) / 4)).toBeLessThan(0.2)
  })

  it('brings texts of one label together', { timeout: 60_000 }, async () => {
    const texts = [...queries, ...answers]
    const labels = texts.map((_, row) => String(row % 3))
    const tuned = await tuneEncoder(base, { kind: 'labelled', texts, labels }, few)
    const vectors = await vectorsOf(tuned, texts)
    const mean = (same: boolean) => {
      const all = vectors.flatMap((vector, row) =>
        Array.from(products(vector, vectors)).filter((_, i) => i !== row && (labels[i] === labels[row]) === same),
      )
      return all.reduce((sum, x) => sum + x, 0) / all.length
    }
    expect(mean(true) - mean(false)).toBeGreaterThan(0.5)
  })

  it('goes on where it was stopped, to the same weights', { timeout: 60_000 }, async () => {
    const pairs: EmbeddingExamples = { kind: 'pairs', queries, answers }
    const whole = await tuneEncoder(base, pairs, { ...few, epochs: 5 })
    const controller = new AbortController()
    const checkpoint = path.join(folder, 'checkpoint')
    const stopped = tuneEncoder(base, pairs, {
      ...few,
      epochs: 5,
      checkpoint,
      signal: controller.signal,
      onProgress: (step) => step === 2 && controller.abort(new Error('enough')),
    })
    await expect(stopped).rejects.toThrow('enough')
    const steps: number[] = []
    const resumed = await tuneEncoder(base, pairs, {
      ...few,
      epochs: 5,
      checkpoint,
      onProgress: (step) => steps.push(step),
    })
    expect(steps[0]).toBeGreaterThan(2)
    expect([...(await resumed.weights())]).toEqual([...(await whole.weights())])
    const others: EmbeddingExamples = { kind: 'pairs', queries, answers: answers.toReversed() }
    await expect(tuneEncoder(base, others, { ...few, epochs: 1, checkpoint })).resolves.toBeDefined()
  })

  it('excuses rows that share a text, and draws partners of the same label only', () => {
    const { targets } = textsOf({ kind: 'pairs', queries: ['a', 'b', 'b', 'c'], answers: ['x', 'x', 'y', 'z'] })
    const [a, b, c, d] = targets(Int32Array.of(0, 1, 2, 3)).data as BigInt64Array
    expect([a === b, b === c, c === d]).toEqual([true, true, false])
    const labels = ['u', 'v', 'u', 'alone', 'v', 'u']
    const drawn = textsOf({ kind: 'labelled', texts: labels.map((label, i) => `${label}${i}`), labels })
    expect(drawn.rows).toBe(5)
    const integer = (value: number) => ({ integer: () => value }) as never
    expect([0, 1].map((draw) => drawn.sides[1]![drawn.place(1, 1, integer(draw))])).toEqual(['u0', 'u5'])
    expect(() => textsOf({ kind: 'labelled', texts: ['a'], labels: ['x'] })).toThrow(/no pairs to learn from/)
    expect(() => textsOf({ kind: 'scored', first: ['a'], second: ['b'], scores: [1] })).toThrow(/nothing to learn/)
    expect(() => textsOf({ kind: 'scored', first: [], second: [], scores: [] })).toThrow(/no examples to learn from/)
    expect(() => textsOf({ kind: 'pairs', queries: [], answers: [] })).toThrow(/no examples to learn from/)
  })
})

describe('a written folder', () => {
  const texts = ['Where is my card?', '', 'zz']
  const normalised = () => {
    const { description, weights } = base
    return { description: { ...description, pooling: { mode: 'mean' as const, normalise: true } }, weights }
  }

  it('is read as what was written', async () => {
    const written = path.join(folder, 'whole')
    await writeEncoder(written, normalised())
    const read = await openEncoder(written)
    expect(read.description).toMatchObject({ longest: 32, pooling: { mode: 'mean', normalise: true } })
    expect(await read.weights()).toEqual(await base.weights())
    expect((await vectorsOf(read, texts))[0]).toEqual((await vectorsOf(base, texts))[0])
  })

  it.skipIf(!python)('is read by transformers (VOLANT_PARITY_PYTHON)', { timeout: 120_000 }, async () => {
    const written = path.join(folder, 'for-python')
    await writeEncoder(written, normalised())
    const expected = askPython<number[][]>('sentence_folder.py', { folder: written, texts })
    for (const [row, vector] of (await vectorsOf(base, texts)).entries())
      for (const [at, value] of vector.entries()) expect(value).toBeCloseTo(expected[row]![at]!, 5)
  })
})
