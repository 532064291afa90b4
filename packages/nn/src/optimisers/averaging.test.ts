import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { add, mul, reduceSum, square, sub, tensorOf } from '@volant/graph'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { constant as filled } from '../modules/initialisers.js'
import { Parameter } from '../modules/tree.js'
import type { TrainSettings } from '../trainer/settings.js'
import { meanLoss, train } from '../trainer/train.js'
import { adamW, sgd } from './optimisers.js'
import { constant } from './schedules.js'
import { layerwiseRates, scaleByLearningRate, scaleByPattern } from './transforms.js'

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'volant-averaging-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

const model = { layers: [{ weight: new Parameter([1], filled(1)) }, { weight: new Parameter([1], filled(2)) }] }
const start = [1, 2]

/** Loss (w0 - 3)^2 + 5 w1: gradients 2 (w0 - 3) and 5. */
const settings: TrainSettings = {
  model,
  inputs: { t: { dtype: 'float32', shape: ['B', 1] } },
  loss: (context, { t }) =>
    add(
      reduceSum(square(sub(context.use(model.layers[0]!.weight), t!))),
      reduceSum(mul(context.use(model.layers[1]!.weight), 5)),
    ),
  data: { rows: 1, batch: () => ({ t: tensorOf('float32', [1, 1], [3]) }) },
  batchSize: 1,
  epochs: 8,
  optimiser: sgd(),
  schedule: constant(0.1),
  seed: 0,
  threads: 1,
}

function course(decay: number, steps: number, factors = [1, 1]) {
  let w = start
  let average = start
  for (let step = 1; step <= steps; step++) {
    const gradients = [2 * (w[0]! - 3), 5]
    w = w.map((v, i) => v - 0.1 * factors[i]! * gradients[i]!)
    const d = Math.min(decay, (1 + step) / (10 + step))
    average = average.map((v, i) => d * v + (1 - d) * w[i]!)
  }
  return { w, average }
}

async function weights(changed: Partial<TrainSettings>) {
  const { parameters } = await train({ ...settings, ...changed })
  return [0, 1].map((i) => Number(parameters.get(`layers.${i}.weight`)!.data[0]))
}

const expectClose = (found: number[], expected: number[]) => {
  for (const [i, value] of found.entries()) expect(value).toBeCloseTo(expected[i]!, 5)
}

describe('averaging of weights', () => {
  it('gives the running means with warm-up', async () => {
    expectClose(await weights({ average: { decay: 0.4 } }), course(0.4, 8).average)
    expectClose(await weights({ average: { decay: 0.999 } }), course(0.999, 8).average)
    expectClose(await weights({ average: { decay: 0 } }), course(0, 8).w)
  })

  it('gives the same when gradients accumulate', async () => {
    const data = { ...settings.data, rows: 2 }
    expectClose(await weights({ average: { decay: 0.4 }, data, accumulate: 2 }), course(0.4, 8).average)
  })

  it('validates by the means, keeps them as the best and survives a resume', async () => {
    const losses: number[] = []
    const checkpoint = { file: path.join(folder, 'run'), every: 1 }
    const stop = new AbortController()
    const run: TrainSettings = {
      ...settings,
      average: { decay: 0.6 },
      checkpoint,
      validate: async (predict) => {
        const validation = await meanLoss(settings.data)(predict)
        losses.push(validation.score)
        return validation
      },
    }
    const onEvent: TrainSettings['onEvent'] = (event) => {
      if (event.type === 'step' && event.step === 3) stop.abort()
    }
    await expect(train({ ...run, signal: stop.signal, onEvent })).rejects.toThrow('abort')
    const { parameters } = await train(run)
    for (const [i, loss] of losses.entries()) {
      const [a, b] = course(0.6, i + 1).average
      expect(loss).toBeCloseTo((a! - 3) ** 2 + 5 * b!, 4)
    }
    expect(losses.length).toBe(8)
    expect(parameters.get('layers.1.weight')!.data[0]).toBeCloseTo(course(0.6, 8).average[1]!, 5)
    await expect(train({ ...run, average: { decay: 0.7 } })).rejects.toMatchObject({ code: 'other-run' })
    await expect(train({ ...run, average: { decay: 1 } })).rejects.toThrow('average.decay is 1')
  })
})

describe('learning rates and weight decay by pattern', () => {
  it('multiply the steps of what the first matching pattern names', async () => {
    const optimiser = sgd({ rates: { 'layers.0.**': 0.5, '**.weight': 2 } })
    expectClose(await weights({ optimiser }), course(0, 8, [0.5, 2]).w)
  })

  it('decay what they name at their own rate, and by the scaled learning rate', async () => {
    const decayed = await weights({ optimiser: adamW({ weightDecay: { 'layers.1.*': 0.5 } }), epochs: 1 })
    const plain = await weights({ optimiser: adamW({ weightDecay: 0 }), epochs: 1 })
    expectClose(decayed, [plain[0]!, plain[1]! - 0.1 * 0.5 * 2])
  })

  it('fall from layer to layer', () => {
    expect(layerwiseRates('encoder.layers', 2, 0.5, ['words.**'])).toEqual({
      'encoder.layers.0.**': 0.25,
      'encoder.layers.1.**': 0.5,
      'words.**': 0.125,
    })
  })

  it('refuse a pattern that names nothing, and a negative rate', async () => {
    const optimiser = [scaleByPattern({ 'encoder.**': 0.1 }), scaleByLearningRate()]
    await expect(train({ ...settings, optimiser })).rejects.toThrow(
      'optimiser: the pattern "encoder.**" matches no parameter; there are layers.0.weight, layers.1.weight',
    )
    expect(() => scaleByPattern({ '**': -1 })).toThrow('The learning rate of "**" is -1')
  })
})
