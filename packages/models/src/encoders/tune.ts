import { createHash } from 'node:crypto'
import { rm } from 'node:fs/promises'
import type { Tensor, Value } from '@volant/graph'
import {
  adamW,
  type Batch,
  type Context,
  contrastiveLoss,
  cosine,
  cosineSimilarity,
  type Inputs,
  type InputType,
  meanSquaredError,
  NnError,
  type TrainingData,
  type TrainSettings,
  train,
  warmUp,
} from '@volant/nn'
import { Tokeniser } from '../tokenisers/tokeniser.js'
import { padded } from './batch.js'
import type { EmbeddingExamples } from './examples.js'
import { pool } from './pooling.js'
import { encoderNetwork, type PretrainedEncoder } from './pretrained.js'
import { type Drawn, textsOf } from './tuning-texts.js'

export interface TuneOptions {
  /** Passes over the examples, default 3. */
  readonly epochs?: number
  /** Default 64: each text of a batch is a negative of the others. */
  readonly batchSize?: number
  /** The highest rate, default 5e-5; it rises over the first tenth and falls as a cosine. */
  readonly learningRate?: number
  /** Similarities of pairs are divided by it, default 0.05. */
  readonly temperature?: number
  /** Default 42. */
  readonly seed?: number
  /** File that the state is saved to as training goes; the same training goes on from there. */
  readonly checkpoint?: string
  readonly threads?: number
  readonly signal?: AbortSignal
  readonly onProgress?: (step: number, steps: number, loss: number) => void
}

/** Updates between two savings. */
const EVERY = 50

/**
 * Tunes an encoder so that the vectors of texts that belong together get near. Pairs, and texts of one label, which are paired by
 * chance, learn to tell their partner from those of all others in the batch (multiple negatives ranking, Henderson et al. 2017),
 * both ways, and from given negatives; rows that share a text, or a label, are no negatives of each other. Scored pairs learn
 * their score, from least to greatest as 0 to 1, as the cosine (squared error). Throws ModelsError `no-pairs`.
 */
export async function tuneEncoder(
  encoder: PretrainedEncoder,
  examples: EmbeddingExamples,
  options: TuneOptions = {},
): Promise<PretrainedEncoder> {
  const { epochs = 3, learningRate = 0.00005, temperature = 0.05, seed = 42, checkpoint, onProgress } = options
  const { description } = encoder
  const network = encoderNetwork(description)
  const drawn = textsOf(examples)
  const vectors = (context: Context, inputs: Inputs) =>
    drawn.sides.map((_, side) => {
      const mask = inputs[`${side}.mask`]!
      const states = network.apply(context, inputs[`${side}.ids`]!, { mask })
      return pool(states, mask, { ...description.pooling, normalise: false })
    })
  const rate = warmUp(0.1, cosine(learningRate))
  const settings: TrainSettings = {
    model: network,
    inputs: inputsOf(drawn),
    loss(context, inputs) {
      const [first, second, negatives] = vectors(context, inputs) as [Value, Value, Value?]
      if (drawn.target === 'scores') return meanSquaredError(cosineSimilarity(first, second), inputs['target']!)
      return contrastiveLoss(first, second, { temperature, groups: inputs['target']!, negatives })
    },
    data: dataOf(drawn, encoder),
    batchSize: Math.min(options.batchSize ?? 64, drawn.rows),
    epochs,
    optimiser: adamW({ weightDecay: 0.01 }),
    initial: await encoder.weights(),
    schedule: rate,
    clip: 1,
    seed,
    threads: options.threads,
    signal: options.signal,
    checkpoint: checkpoint ? { file: checkpoint, every: EVERY, key: keyOf(encoder, examples) } : undefined,
    onEvent(event) {
      if (event.type === 'step') onProgress?.(event.step, event.totalSteps, event.loss)
    },
  }
  const parameters = await trained(settings)
  return { description, weights: async () => parameters }
}

/** What another training left in the place of the checkpoint is dropped. */
async function trained(settings: TrainSettings): Promise<Map<string, Tensor>> {
  try {
    return (await train(settings)).parameters
  } catch (error) {
    if (!(error instanceof NnError && (error.code === 'other-run' || error.code === 'bad-checkpoint'))) throw error
    await rm(settings.checkpoint!.file, { force: true })
    return (await train(settings)).parameters
  }
}

function inputsOf({ sides, target }: Drawn): Record<string, InputType> {
  const texts = sides.flatMap((_, side): [string, InputType][] => [
    [`${side}.ids`, { dtype: 'int64', shape: ['batch', `tokens${side}`] }],
    [`${side}.mask`, { dtype: 'bool', shape: ['batch', `tokens${side}`] }],
  ])
  const dtype = target === 'scores' ? 'float32' : 'int64'
  return { ...Object.fromEntries(texts), target: { dtype, shape: ['batch'] } }
}

function dataOf(drawn: Drawn, { description }: PretrainedEncoder): TrainingData {
  const tokeniser = new Tokeniser(description.tokeniser)
  const encode = (text: string) => tokeniser.encode(text, null, { maxTokens: description.longest }).ids
  const sides = drawn.sides.map((texts) => texts.map(encode))
  return {
    rows: drawn.rows,
    length: (row) => sides.reduce((sum, texts) => sum + texts[row]!.length, 0),
    batch(rows, random) {
      const batch: Batch = { target: drawn.targets(rows) }
      for (const [side, texts] of sides.entries()) {
        const { ids, mask } = padded(Array.from(rows, (row) => texts[drawn.place(side, row, random)]!))
        batch[`${side}.ids`] = ids
        batch[`${side}.mask`] = mask
      }
      return batch
    },
  }
}

/** A hash of the base and of all that is learnt from. */
function keyOf({ description }: PretrainedEncoder, examples: EmbeddingExamples): string {
  const hash = createHash('sha256').update(description.base.sha256)
  for (const [name, column] of Object.entries(examples)) {
    hash.update(JSON.stringify([name, column.length]))
    if (typeof column !== 'string') for (const cell of column) hash.update(JSON.stringify(cell))
  }
  return hash.digest('hex')
}
