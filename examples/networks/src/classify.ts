import { tensorOf } from '@volant/graph'
import {
  adamW,
  cosine,
  crossEntropy,
  type Module,
  type Optimiser,
  parameterCount,
  type Random,
  train,
  warmUp,
} from '@volant/nn'
import { accuracy } from './accuracy.js'
import { type Augmentation, scaledBatch } from './data/augment.js'
import { type Parts, scaleOf } from './data/labelled.js'
import type { Options } from './options.js'
import { progress } from './progress.js'
import { untilStopped } from './stop.js'

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

/**
 * Trains a classifier of pictures and prints the accuracy of its last weights on the test part, which nothing else looks at.
 * After `options.minutes`, or at Ctrl-C, it stops, with a checkpoint if one is asked for, and prints how to go on.
 */
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
  await untilStopped(options, async (signal) => {
    const say = progress()
    let share = 1 // of the run that is made here, not before in a run that this one goes on from
    const { parameters, history, seconds } = await train({
      model: network,
      inputs: { x: { dtype: 'float32', shape: ['B', ...set.shape] }, y: { dtype: 'int64', shape: ['B'] } },
      loss: (context, { x, y }) => crossEntropy(network.apply(context, x!), y!, { smoothing }),
      data: { rows: set.labels.length, batch },
      batchSize,
      epochs: options.epochs ?? recipe.epochs,
      optimiser: recipe.optimiser ?? adamW({ weightDecay: 0.05 }),
      schedule: warmUp(0.2, cosine(recipe.learningRate)),
      clip: 5,
      seed: options.seed,
      threads: options.threads,
      checkpoint: options.checkpoint === undefined ? undefined : { file: options.checkpoint, every: 200 },
      signal,
      onEvent(event) {
        if (event.type === 'start') share = 1 - event.step / event.totalSteps
        say(event)
      },
    })
    const figures = {
      accuracy: await accuracy(network, parameters, parts.test, scale, { threads: options.threads, mirror }),
      trainingLoss: Number(history.at(-1)!.loss.toFixed(4)),
      parameters: parameterCount(network),
      minutes: Number((seconds / 60 / (share || 1)).toFixed(1)),
      seed: options.seed,
    }
    process.stdout.write(`${JSON.stringify(figures)}\n`)
  })
}

/** The entry of a name given by `--network`. */
export function chosen<T>(entries: Readonly<Record<string, T>>, name: string): T {
  const found = entries[name]
  if (found === undefined)
    throw new Error(`--network ${name}: there is none of that name; choose one of ${Object.keys(entries).join(', ')}`)
  return found
}
