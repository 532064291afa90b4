import { tensorOf } from '@volant/graph'
import { adamW, cosine, crossEntropy, type Module, type Optimiser, type Random, warmUp } from '@volant/nn'
import { accuracy } from './accuracy.js'
import { type Augmentation, scaledBatch } from './data/augment.js'
import { type Parts, scaleOf } from './data/labelled.js'
import { printFigures, rounded } from './figures.js'
import type { Options } from './options.js'
import { trainUntilStopped } from './training.js'

export interface Recipe {
  /** [batch, channels, height, width] -> logits [batch, classes]. */
  readonly network: Module
  readonly epochs: number
  readonly batchSize: number
  /** Largest learning rate: it rises over the first fifth of the run and falls to zero by half a cosine. */
  readonly learningRate: number
  /** Default: AdamW with a decay of 0.05. */
  readonly optimiser?: Optimiser
  /** Share of the probability spread over all classes. */
  readonly smoothing?: number
  readonly augmentation?: Augmentation
  /** Average the predictions for a test picture and its mirror image. */
  readonly mirror?: boolean
}

/** Trains a classifier of pictures and prints the accuracy of its last weights on the test part, which nothing else looks at. */
export async function classify(parts: Parts, recipe: Recipe, options: Options): Promise<void> {
  const { network, batchSize, smoothing = 0, augmentation, mirror } = recipe
  const set = parts.train
  const scale = scaleOf(set)
  const batch = (rows: Int32Array, random: Random) => ({
    x: {
      dtype: 'float32' as const,
      dims: [rows.length, ...set.shape],
      data: scaledBatch(set, rows, scale, augmentation && { by: augmentation, random }),
    },
    y: tensorOf(
      'int64',
      [rows.length],
      Array.from(rows, (row) => set.labels[row]!),
    ),
  })
  const trained = await trainUntilStopped(
    {
      model: network,
      inputs: { x: { dtype: 'float32', shape: ['B', ...set.shape] }, y: { dtype: 'int64', shape: ['B'] } },
      loss: (context, { x, y }) => crossEntropy(network.apply(context, x!), y!, { smoothing }),
      data: { rows: set.labels.length, batch },
      batchSize,
      epochs: options.epochs ?? recipe.epochs,
      optimiser: recipe.optimiser ?? adamW({ weightDecay: 0.05 }),
      schedule: warmUp(0.2, cosine(recipe.learningRate)),
      clip: 5,
    },
    options,
  )
  if (!trained) return
  const figures = {
    accuracy: await accuracy(network, trained.parameters, parts.test, scale, { threads: options.threads, mirror }),
    trainingLoss: rounded(trained.history.at(-1)!.loss),
  }
  printFigures(figures, { model: network, trained, seed: options.seed })
}
