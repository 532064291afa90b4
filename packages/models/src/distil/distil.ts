import { createHash } from 'node:crypto'
import { greater, type Tensor } from '@volant/graph'
import {
  adamW,
  type Batch,
  cosine,
  cosineDistance,
  type TrainEvent,
  type TrainingData,
  train,
  warmUp,
} from '@volant/nn'
import type { EncoderNetwork } from '../architectures/architecture.js'
import { TextEmbedder } from '../encoders/embedder.js'
import { pool } from '../encoders/pooling.js'
import { type EncoderDescription, encoderNetwork, type PretrainedEncoder } from '../encoders/pretrained.js'
import { ModelsError } from '../errors.js'
import { Tokeniser } from '../tokenisers/tokeniser.js'
import { type Student, studentOf } from './student.js'
import { cutVocabulary, PieceCounts } from './vocabulary.js'

export interface DistilSettings {
  readonly teacher: PretrainedEncoder
  /** What the student learns on; each is one example. */
  readonly texts: readonly string[]
  /** Pieces of the student's vocabulary, default the teacher's; WordPiece only. */
  readonly vocabulary?: number
  /** Layers of the student, default the teacher's. */
  readonly layers?: number
  /** Passes over the texts, default 1. */
  readonly epochs?: number
  /** Of AdamW at its height, default 0.00005. */
  readonly learningRate?: number
  readonly seed: number
  readonly threads?: number
  /** File to keep the state in, to go on from there. */
  readonly checkpoint?: string
  readonly signal?: AbortSignal
  readonly onEvent?: (event: DistilEvent) => void
}

export type DistilEvent =
  | { readonly type: 'vectors'; readonly by: 'teacher' | 'student'; readonly done: number; readonly of: number }
  | TrainEvent

export interface Distilled extends Student {
  /** Mean cosine between the student's and the teacher's vectors of texts that were not learnt on. */
  readonly agreement: { readonly before: number; readonly after: number }
  readonly seconds: number
}

const batchSize = 64
/** One text of so many is kept apart to measure on, at most so many. */
const heldOut = { every: 50, most: 2000 }

/**
 * Teaches a smaller encoder to give the same vectors as a larger one (Reimers and Gurevych 2020, with the teacher's own weights as
 * the start): the loss is one minus the cosine of the two. The teacher reads every text once.
 *
 * @throws ModelsError `too-few-texts`, `bad-student`, those of `cutVocabulary`, the reason of `signal`
 */
export async function distilEncoder(settings: DistilSettings): Promise<Distilled> {
  const started = performance.now()
  const { teacher, texts } = settings
  if (texts.length < heldOut.every)
    throw new ModelsError(
      'too-few-texts',
      `A student learns from texts, and ${texts.length} are too few to learn from and measure on; give at least ${heldOut.every}.`,
      { texts: texts.length },
    )
  const student = await studentOf(teacher, { ...cut(settings), layers: settings.layers })
  const isApart = (place: number) => place % heldOut.every === 0 && place < heldOut.every * heldOut.most
  const apart = texts.filter((_, place) => isApart(place))
  const learnt = texts.filter((_, place) => !isApart(place))
  const all = await vectorsOf(teacher, 'teacher', [...apart, ...learnt], settings)
  const [expected, targets] = [all.slice(0, apart.length), all.slice(apart.length)]
  const measure = async ({ description, weights }: Student) => {
    const own = { description, weights: async () => weights }
    return meanCosine(await vectorsOf(own, 'student', apart, settings), expected)
  }
  const before = await measure(student)
  const weights = await learn(student, learnt, targets, settings)
  const trained = { description: student.description, weights }
  return {
    ...trained,
    agreement: { before, after: await measure(trained) },
    seconds: (performance.now() - started) / 1000,
  }
}

function cut({ teacher, texts, vocabulary }: DistilSettings) {
  if (vocabulary === undefined) return {}
  const tokeniser = new Tokeniser(teacher.description.tokeniser)
  const counts = new PieceCounts(tokeniser)
  for (const text of texts) counts.add(text)
  return { vocabulary: cutVocabulary(tokeniser, counts.counts, vocabulary) }
}

/** Texts are embedded so many at a time, for progress and Ctrl-C. */
const atOnce = 2048

async function vectorsOf(
  encoder: PretrainedEncoder,
  by: 'teacher' | 'student',
  texts: readonly string[],
  { threads, signal, onEvent }: Pick<DistilSettings, 'threads' | 'signal' | 'onEvent'>,
): Promise<Float32Array[]> {
  const embedder = await TextEmbedder.open(encoder, { threads })
  try {
    const vectors: Float32Array[] = []
    for (let from = 0; from < texts.length; from += atOnce) {
      const some = await embedder.embed(texts.slice(from, from + atOnce), { signal, normalise: true })
      vectors.push(...some.vectors)
      onEvent?.({ type: 'vectors', by, done: vectors.length, of: texts.length })
    }
    return vectors
  } finally {
    await embedder.release()
  }
}

async function learn(
  student: Student,
  texts: readonly string[],
  targets: readonly Float32Array[],
  settings: DistilSettings,
): Promise<Map<string, Tensor>> {
  const { description } = student
  const network: EncoderNetwork = encoderNetwork({ ...description, config: withoutDropout(description.config) })
  const rows = Math.min(batchSize, texts.length)
  const { epochs = 1, learningRate = 5e-5, seed, threads, signal, checkpoint, onEvent } = settings
  const steps = Math.ceil(texts.length / rows) * epochs
  const rate = warmUp(0.05, cosine(learningRate))
  const { parameters } = await train({
    model: network,
    inputs: {
      ids: { dtype: 'int64', shape: ['batch', 'tokens'] },
      weights: { dtype: 'float32', shape: ['batch', 'tokens'] },
      vectors: { dtype: 'float32', shape: ['batch', network.width] },
    },
    loss(context, { ids, weights, vectors }) {
      const mask = greater(weights!, 0)
      const states = network.apply(context, ids!, { mask })
      return cosineDistance(pool(states, mask, { ...description.pooling, normalise: true }), vectors!)
    },
    data: examples(new Tokeniser(description.tokeniser), description.longest, texts, targets),
    batchSize: rows,
    epochs,
    optimiser: adamW({ weightDecay: 0.01 }),
    initial: student.weights,
    schedule: (step) => rate(step, steps),
    clip: 1,
    seed,
    threads,
    checkpoint: checkpoint === undefined ? undefined : { file: checkpoint, every: 200, key: keyOf(student, texts) },
    signal,
    onEvent,
  })
  return parameters
}

/** What a checkpoint is bound to besides the program: the teacher and the texts. */
function keyOf({ description }: Student, texts: readonly string[]): string {
  const hash = createHash('sha256').update(description.base.sha256)
  for (const text of texts) hash.update(JSON.stringify(text))
  return hash.digest('hex')
}

/** Noise would only blur what the student sees of its teacher, who answers without. */
const withoutDropout = (config: EncoderDescription['config']) =>
  Object.fromEntries(
    Object.entries(config).map(([name, value]) => [
      name,
      /dropout/.test(name) && typeof value === 'number' ? 0 : value,
    ]),
  )

function examples(
  tokeniser: Tokeniser,
  longest: number,
  texts: readonly string[],
  targets: readonly Float32Array[],
): TrainingData {
  const encoded = texts.map((text) => tokeniser.encode(text, null, { maxTokens: longest }).ids)
  return {
    rows: texts.length,
    length: (row) => encoded[row]!.length,
    batch(rows): Batch {
      const tokens = rows.reduce((most, row) => Math.max(most, encoded[row]!.length), 1)
      const width = targets[0]!.length
      const ids = new BigInt64Array(rows.length * tokens)
      const weights = new Float32Array(ids.length)
      const vectors = new Float32Array(rows.length * width)
      rows.forEach((row, place) => {
        encoded[row]!.forEach((id, at) => {
          ids[place * tokens + at] = BigInt(id)
        })
        weights.fill(1, place * tokens, place * tokens + encoded[row]!.length)
        vectors.set(targets[row]!, place * width)
      })
      const dims = [rows.length, tokens]
      return {
        ids: { dtype: 'int64', dims, data: ids },
        weights: { dtype: 'float32', dims, data: weights },
        vectors: { dtype: 'float32', dims: [rows.length, width], data: vectors },
      }
    },
  }
}

function meanCosine(some: readonly Float32Array[], others: readonly Float32Array[]): number {
  const cosines = some.map((vector, row) => vector.reduce((sum, value, at) => sum + value * others[row]![at]!, 0))
  return cosines.reduce((sum, value) => sum + value, 0) / cosines.length
}
