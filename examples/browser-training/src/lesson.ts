// What is learnt and how, the same for the page and for a server: nothing here knows where it runs.
import type { Tensor, Value } from '@volant/graph'
import { softmax } from '@volant/graph'
import { adam, type Context, constant, crossEntropy, type Inputs, MLP, type TrainSettings } from '@volant/nn'
import { makePoints, type Points, type Shape } from './points.js'

export interface Lesson {
  readonly points: Points
  readonly model: MLP
  readonly settings: TrainSettings
  /** The probabilities of the classes for a batch of places. */
  readonly predict: (context: Context, inputs: Inputs) => { probabilities: Value }
}

/** Learns to tell the classes of points of the plane apart, by `steps` updates of 32 points each. */
export function lesson(shape: Shape, { seed, steps }: { seed: number; steps: number }): Lesson {
  const points = makePoints(shape, 384, seed)
  const model = new MLP([2, 24, 24, points.classes], { activation: 'tanh' })
  const rows = points.labels.length
  const batchSize = 32
  return {
    points,
    model,
    predict: (context, { x }) => ({ probabilities: softmax(model.apply(context, x!)) }),
    settings: {
      model,
      inputs: { x: { dtype: 'float32', shape: ['B', 2] }, label: { dtype: 'int64', shape: ['B'] } },
      loss: (context, { x, label }) => crossEntropy(model.apply(context, x!), label!),
      data: {
        rows,
        batch: (chosen) => ({
          x: placesOf([...chosen].flatMap((row) => [points.places[2 * row]!, points.places[2 * row + 1]!])),
          label: {
            dtype: 'int64',
            dims: [chosen.length],
            data: BigInt64Array.from(chosen, (row) => BigInt(points.labels[row]!)),
          },
        }),
      },
      batchSize,
      epochs: Math.ceil((steps * batchSize) / rows),
      maxSteps: steps,
      optimiser: adam(),
      schedule: constant(0.01),
      clip: 1,
      seed,
    },
  }
}

/** x, y of each place in turn, as the model takes them. */
export const placesOf = (numbers: readonly number[]): Tensor => ({
  dtype: 'float32',
  dims: [numbers.length / 2, 2],
  data: Float32Array.from(numbers),
})
