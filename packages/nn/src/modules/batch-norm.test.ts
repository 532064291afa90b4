import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { mul, reduceMean, tensorOf } from '@volant/graph'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { meanSquaredError } from '../losses/regression.js'
import { sgd } from '../optimisers/optimisers.js'
import { constant } from '../optimisers/schedules.js'
import type { TrainSettings } from '../trainer/settings.js'
import { train } from '../trainer/train.js'
import { BatchNorm } from './batch-norm.js'

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'volant-batch-norm-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

/** Two pictures of two channels and two places: channel 0 holds 1 3 5 7, channel 1 holds 2 2 6 6. */
const pictures = [
  [1, 3, 2, 2],
  [5, 7, 6, 6],
]

function settings(changes: Partial<TrainSettings> = {}): TrainSettings {
  const model = new BatchNorm(2)
  return {
    model,
    inputs: { x: { dtype: 'float32', shape: ['B', 2, 1, 2] } },
    loss: (context, { x }) => meanSquaredError(model.apply(context, x!), mul(x!, 2)),
    data: {
      rows: 2,
      batch: (rows) => ({
        x: tensorOf(
          'float32',
          [rows.length, 2, 1, 2],
          [...rows].flatMap((row) => pictures[row]!),
        ),
      }),
    },
    batchSize: 2,
    epochs: 2,
    optimiser: sgd(),
    schedule: constant(0.1),
    seed: 1,
    threads: 1,
    ...changes,
  }
}

const numbers = (tensor: { data: ArrayLike<number | bigint> } | undefined) => Array.from(tensor!.data, Number)

describe('BatchNorm', () => {
  it('moves the running statistics as worked out by hand, the variance over n - 1', async () => {
    const { parameters } = await train(settings())
    // Means 4 and 4, variances over n 5 and 4, over n - 1 20/3 and 16/3; from 0 and 1, a tenth of the way, twice.
    for (const mean of numbers(parameters.get('mean'))) expect(mean).toBeCloseTo(4 * (1 - 0.9 ** 2), 5)
    const [first, second] = numbers(parameters.get('variance'))
    expect(first).toBeCloseTo(0.81 + (20 / 3) * 0.19, 5)
    expect(second).toBeCloseTo(0.81 + (16 / 3) * 0.19, 5)
  })

  it('normalises by the batch in training, by the running statistics when it predicts', async () => {
    let seen: number[] = []
    const model = new BatchNorm(2)
    const { history } = await train(
      settings({
        model,
        epochs: 1,
        schedule: constant(0),
        loss: (context, { x }) => reduceMean(mul(model.apply(context, x!), x!)),
        predict: (context, { x }) => ({ y: model.apply(context, x!) }),
        async validate(predict) {
          seen = numbers((await predict({ x: tensorOf('float32', [1, 2, 1, 2], [1, 3, 2, 2]) }))['y'])
          return { score: 0 }
        },
      }),
    )
    // mean of (x - m) / s * x = variance / s = s: the mean of √5 and 2.
    expect(history[0]!.loss).toBeCloseTo((Math.sqrt(5) + 2) / 2, 4)
    const deviations = [20 / 3, 16 / 3].map((variance) => Math.sqrt(0.9 + 0.1 * variance))
    const expected = [1, 3, 2, 2].map((value, i) => (value - 0.4) / deviations[i >> 1]!)
    expected.forEach((value, i) => {
      expect(seen[i]).toBeCloseTo(value, 4)
    })
  })

  it('leaves frozen statistics alone, and uses them in training too', async () => {
    const model = new BatchNorm(2)
    const loss: TrainSettings['loss'] = (context, { x }) => reduceMean(model.apply(context, x!))
    const { parameters, history } = await train(settings({ model, loss, epochs: 1, freeze: ['mean', 'variance'] }))
    expect([parameters.get('mean'), parameters.get('variance')].map(numbers)).toEqual([
      [0, 0],
      [1, 1],
    ])
    expect(history[0]!.loss).toBeCloseTo(4, 4)
  })

  it('goes on from a checkpoint with the same statistics', async () => {
    const checkpoint = { file: path.join(folder, 'run'), every: 1 }
    const stop = new AbortController()
    const onEvent = () => stop.abort(new Error('stopped'))
    const data = settings().data
    await expect(train(settings({ checkpoint, data, signal: stop.signal, onEvent }))).rejects.toThrow('stopped')
    const resumed = await train(settings({ checkpoint, data }))
    const whole = await train(settings({ data }))
    expect([...resumed.parameters]).toEqual([...whole.parameters])
  })
})
