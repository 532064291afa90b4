import { crossEntropy, reduceSum, square, sub, tensorOf } from '@volant/graph'
import { expect, it } from 'vitest'
import { constant } from '../modules/initialisers.js'
import { MLP } from '../modules/linear.js'
import { Parameter } from '../modules/tree.js'
import { sgd } from '../optimisers/optimisers.js'
import { findLearningRate } from './find-rate.js'
import type { TrainSettings } from './settings.js'

it('ends where a parabola runs away and suggests a rate at which it falls', async () => {
  // w' = w - 2 r w: falls for r < 1, fastest at 1/2, and runs away beyond 1.
  const model = { w: new Parameter([1], constant(1)) }
  const { points, suggestion } = await findLearningRate(
    {
      model,
      inputs: { t: { dtype: 'float32', shape: ['B', 1] } },
      loss: (context, { t }) => reduceSum(square(sub(context.use(model.w), t!))),
      data: { rows: 1, batch: () => ({ t: tensorOf('float32', [1, 1], [0]) }) },
      batchSize: 1,
      optimiser: sgd(),
      seed: 0,
      threads: 1,
    },
    { from: 1e-4, to: 100, steps: 120 },
  )
  expect(points[0]!.learningRate).toBeCloseTo(1e-4, 10)
  expect(points.at(-1)!.learningRate).toBeLessThan(50)
  expect(points.at(-1)!.smoothed).toBeGreaterThan(points[60]!.smoothed)
  expect(suggestion).toBeGreaterThan(0.01)
  expect(suggestion).toBeLessThan(1)
})

it('passes on what is wrong with the range and with the training', async () => {
  const model = new MLP([1, 2])
  const settings: Omit<TrainSettings, 'epochs' | 'schedule'> = {
    model,
    inputs: { x: { dtype: 'float32', shape: ['B', 1] }, y: { dtype: 'int64', shape: ['B'] } },
    loss: (context, { x, y }) => crossEntropy(model.apply(context, x!), y!),
    data: { rows: 1, batch: () => Promise.reject(new Error('no such row')) },
    batchSize: 1,
    optimiser: sgd(),
    seed: 0,
    threads: 1,
  }
  await expect(findLearningRate(settings, { from: 1, to: 0.1 })).rejects.toMatchObject({ code: 'bad-range' })
  await expect(findLearningRate(settings)).rejects.toThrow('no such row')
})
