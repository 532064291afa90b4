import { tensorOf } from '@volant/graph'
import { describe, expect, it } from 'vitest'
import { crossEntropy, meanSquaredError } from '../losses.js'
import { Linear, MLP } from '../modules/linear.js'
import { adam, sgd } from '../optimisers/optimisers.js'
import { constant } from '../optimisers/schedules.js'
import type { TrainEvent, TrainSettings } from './settings.js'
import { meanLoss, train } from './train.js'

const corners = [
  [0, 0],
  [0, 1],
  [1, 0],
  [1, 1],
]
const xor = {
  rows: 4,
  batch: (rows: Int32Array) => ({
    x: tensorOf(
      'float32',
      [rows.length, 2],
      [...rows].flatMap((row) => corners[row]!),
    ),
    y: tensorOf(
      'int64',
      [rows.length],
      [...rows].map((row) => corners[row]![0]! ^ corners[row]![1]!),
    ),
  }),
}

function xorSettings(): TrainSettings {
  const model = new MLP([2, 8, 2], { activation: 'tanh' })
  return {
    model,
    inputs: { x: { dtype: 'float32', shape: ['B', 2] }, y: { dtype: 'int64', shape: ['B'] } },
    loss: (context, { x, y }) => crossEntropy(model.apply(context, x!), y!),
    data: xor,
    batchSize: 4,
    epochs: 200,
    optimiser: adam(),
    schedule: constant(0.05),
    seed: 1,
    threads: 1,
  }
}

describe('train', () => {
  it('learns XOR to a loss below 0.01', async () => {
    const { history, steps, parameters } = await train(xorSettings())
    expect(history.at(-1)!.loss).toBeLessThan(0.01)
    expect(steps).toBe(200)
    expect([...parameters.keys()]).toEqual(['layers.0.weight', 'layers.0.bias', 'layers.1.weight', 'layers.1.bias'])
  })

  it('finds the line through points, the optimum of least squares', async () => {
    const line = new Linear(1, 1)
    const xs = [-1, 0, 1, 2]
    const { parameters } = await train({
      model: line,
      inputs: { x: { dtype: 'float32', shape: ['B', 1] }, y: { dtype: 'float32', shape: ['B', 1] } },
      loss: (context, { x, y }) => meanSquaredError(line.apply(context, x!), y!),
      data: {
        rows: 4,
        batch: (rows) => ({
          x: tensorOf(
            'float32',
            [rows.length, 1],
            [...rows].map((row) => xs[row]!),
          ),
          y: tensorOf(
            'float32',
            [rows.length, 1],
            [...rows].map((row) => 3 * xs[row]! - 1),
          ),
        }),
      },
      batchSize: 4,
      epochs: 300,
      optimiser: sgd(),
      schedule: constant(0.2),
      seed: 1,
      threads: 1,
    })
    expect(parameters.get('weight')!.data[0]).toBeCloseTo(3, 4)
    expect(parameters.get('bias')!.data[0]).toBeCloseTo(-1, 4)
  })

  it('tells its course, keeps the best weights and stops early', async () => {
    const events: TrainEvent[] = []
    const scores = [5, 3, 4, 3.5, 3.2, 1]
    const weights: number[] = []
    const result = await train({
      ...xorSettings(),
      validate: async (predict) => {
        const { score } = await meanLoss(xor)(predict)
        weights.push(score)
        return { score: scores[weights.length - 1]!, real: score }
      },
      earlyStopping: { patience: 3 },
      onEvent: (event) => events.push(event),
    })
    expect(result.stoppedEarly).toBe(true)
    expect(result.bestEpoch).toBe(2)
    expect(result.history.map(({ validation }) => validation!.score)).toEqual([5, 3, 4, 3.5, 3.2])
    expect(events[0]).toEqual({ type: 'start', step: 0, totalSteps: 200, parameters: 42 })
    const steps = events.filter((event) => event.type === 'step')
    expect(steps.length).toBe(5)
    expect(steps[4]).toMatchObject({ step: 5, totalSteps: 200, epoch: 5, learningRate: 0.05 })
    expect(steps[4]!.secondsLeft).toBeGreaterThan(0)
    // The result holds the weights of epoch 2: their loss is what validation saw then.
    const again = await train({ ...xorSettings(), initial: result.parameters, schedule: constant(0), epochs: 1 })
    expect(again.history[0]!.loss).toBeCloseTo(weights[1]!, 5)
  })
})
