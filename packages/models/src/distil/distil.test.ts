import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Random } from '@volant/nn'
import { afterAll, describe, expect, it } from 'vitest'
import { TextEmbedder } from '../encoders/embedder.js'
import { openEncoder, type PretrainedEncoder } from '../encoders/pretrained.js'
import { writeEncoder } from '../encoders/write.js'
import { type DistilEvent, distilEncoder } from './distil.js'
import { distilStatic } from './static.js'
import type { Student } from './student.js'

/** A BERT of two layers with random weights, whose tokens are letters. */
const teacher = await openEncoder(fileURLToPath(new URL('../../test/fixtures/letters', import.meta.url)))
const folder = mkdtempSync(join(tmpdir(), 'volant-distil-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const random = new Random(1, 'texts')
const word = () => Array.from({ length: 1 + random.integer(5) }, () => 'abcdefghij'[random.integer(10)]!).join('')
const texts = Array.from({ length: 600 }, () => Array.from({ length: 1 + random.integer(4) }, word).join(' '))

async function embed(encoder: PretrainedEncoder, some: readonly string[]): Promise<Float32Array[]> {
  const embedder = await TextEmbedder.open(encoder)
  try {
    return (await embedder.embed(some, { normalise: true })).vectors
  } finally {
    await embedder.release()
  }
}

const opened = ({ description, weights }: Student): PretrainedEncoder => ({ description, weights: async () => weights })

const cosine = (a: Float32Array, b: Float32Array) => a.reduce((sum, value, at) => sum + value * b[at]!, 0)

describe('distillation of an encoder', () => {
  it('a student of half the layers comes nearer to its teacher, and is read back as it was written', async () => {
    const events: DistilEvent[] = []
    const student = await distilEncoder({
      teacher,
      texts,
      layers: 1,
      vocabulary: 57,
      epochs: 15,
      learningRate: 0.003,
      seed: 42,
      onEvent: (event) => events.push(event),
    })
    expect(student.agreement.before).toBeLessThan(0.99)
    expect(student.agreement.after).toBeGreaterThan(1 - 0.5 * (1 - student.agreement.before))
    expect(new Set(events.map((event) => (event.type === 'vectors' ? event.by : event.type)))).toEqual(
      new Set(['teacher', 'student', 'start', 'step', 'epoch']),
    )
    for (const [quantise, close] of [
      [undefined, 6],
      ['int8', 2],
    ] as const) {
      const to = join(folder, String(quantise))
      await writeEncoder(to, opened(student), { quantise, card: '# A card\n' })
      const read = await openEncoder(to)
      expect(read.description.config['num_hidden_layers']).toBe(1)
      expect(read.description.pooling).toEqual(teacher.description.pooling)
      const unseen = ['abc def', 'j', '', 'hhh iii jjj']
      const [written, own] = [await embed(read, unseen), await embed(opened(student), unseen)]
      for (const [row, vector] of own.entries()) expect(cosine(vector, written[row]!)).toBeCloseTo(1, close)
    }
    expect(statSync(join(folder, 'int8/model.safetensors')).size).toBeLessThan(
      0.6 * statSync(join(folder, 'undefined/model.safetensors')).size,
    )
    expect(existsSync(`${join(folder, 'int8')}.partial`)).toBe(false)
  })

  it('a student that is its whole teacher says the same before it learns', async () => {
    const { agreement } = await distilEncoder({ teacher, texts, epochs: 1, learningRate: 1e-9, seed: 1 })
    expect(agreement.before).toBeCloseTo(1, 5)
  })

  it('goes on where it was stopped, with the same texts only', async () => {
    const stop = new AbortController()
    const settings = { teacher, texts, epochs: 2, seed: 1, checkpoint: join(folder, 'run') }
    const onEvent = ({ type }: DistilEvent) => type === 'epoch' && stop.abort()
    await expect(distilEncoder({ ...settings, signal: stop.signal, onEvent })).rejects.toThrow('abort')
    await expect(distilEncoder({ ...settings, texts: texts.toReversed() })).rejects.toMatchObject({ code: 'other-run' })
    const steps: number[] = []
    await distilEncoder({ ...settings, onEvent: (event) => event.type === 'step' && steps.push(event.step) })
    expect(steps[0]).toBe(11)
  })

  it('takes no layers out of a teacher whose layers are not alike', async () => {
    const { description, weights } = teacher
    const renamed = async () =>
      new Map([...(await weights())].map(([path, tensor]) => [path.replace('encoder.layers', 'layers'), tensor]))
    await expect(
      distilEncoder({ teacher: { description, weights: renamed }, texts, layers: 1, seed: 1 }),
    ).rejects.toThrow(/layers .* of the architecture "bert" are not alike/)
  })

  it('refuses too few texts and more layers than there are, each in a sentence', async () => {
    await expect(distilEncoder({ teacher, texts: texts.slice(0, 10), seed: 1 })).rejects.toThrow('10 are too few')
    await expect(distilEncoder({ teacher, texts, layers: 3, seed: 1 })).rejects.toThrow(
      'A student of 3 layers was asked for; its teacher has 2.',
    )
  })
})

describe('static vectors', () => {
  it('of words are near where those of their teacher are, and texts are means of any length', async () => {
    const student = await distilStatic({ teacher, texts, width: 12 })
    const to = join(folder, 'static')
    await writeEncoder(to, opened(student))
    const read = await openEncoder(to)
    expect(read.description.config).toMatchObject({ model_type: 'model2vec', hidden_dim: 12 })
    const [one, other, long, empty] = await embed(read, ['a b', 'b a', 'a b '.repeat(5000), ''])
    expect(cosine(one!, other!)).toBeCloseTo(1, 5)
    expect(cosine(one!, long!)).toBeCloseTo(1, 5)
    expect([...empty!].every((value) => value === 0)).toBe(true)
    const words = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j']
    const [small, large] = [await embed(read, words), centred(await embed(teacher, words))]
    const pairs = words.flatMap((_, a) => words.slice(0, a).map((_, b) => [a, b] as const))
    const found = pairs.map(([a, b]) => cosine(small[a]!, small[b]!))
    const expected = pairs.map(([a, b]) => cosine(large[a]!, large[b]!))
    expect(correlation(found, expected)).toBeGreaterThan(0.8)
  })

  it('more numbers than the teacher has are refused', async () => {
    await expect(distilStatic({ teacher, width: 64 })).rejects.toThrow(
      "64 numbers were asked for; the teacher's have 16",
    )
  })
})

/** Vectors less their mean, of length 1. */
function centred(vectors: readonly Float32Array[]): Float32Array[] {
  const mean = vectors[0]!.map((_, at) => vectors.reduce((sum, vector) => sum + vector[at]!, 0) / vectors.length)
  return vectors.map((vector) => {
    const moved = vector.map((value, at) => value - mean[at]!)
    const length = Math.hypot(...moved)
    return moved.map((value) => value / length)
  })
}

function correlation(a: readonly number[], b: readonly number[]): number {
  const mean = (of: readonly number[]) => of.reduce((sum, value) => sum + value, 0) / of.length
  const [left, right] = [mean(a), mean(b)]
  const moment = (f: (at: number) => number) => a.reduce((sum, _, at) => sum + f(at), 0)
  const joint = moment((at) => (a[at]! - left) * (b[at]! - right))
  return joint / Math.sqrt(moment((at) => (a[at]! - left) ** 2) * moment((at) => (b[at]! - right) ** 2))
}
