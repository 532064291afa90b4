import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { readSafetensors, type Tensor, tensorOf } from '@volant/graph'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { meanSquaredError } from '../losses/regression.js'
import { MLP } from '../modules/linear.js'
import { initialise } from '../modules/tree.js'
import { adam } from '../optimisers/optimisers.js'
import { constant } from '../optimisers/schedules.js'
import type { TrainSettings } from './settings.js'
import { meanLoss, train } from './train.js'

const rows = 8
const data = {
  rows,
  batch: (chosen: Int32Array) => ({
    x: tensorOf(
      'float32',
      [chosen.length, 2],
      Array.from(chosen).flatMap((row) => [row / rows, 1 - row / rows]),
    ),
  }),
}

function settings(): TrainSettings & { initial: Map<string, Tensor> } {
  const model = new MLP([2, 4, 2])
  const initial = initialise(model, 5)
  return {
    model,
    inputs: { x: { dtype: 'float32', shape: ['B', 2] } },
    loss: (context, { x }) => meanSquaredError(model.apply(context, x!), x!),
    data,
    batchSize: 4,
    epochs: 4,
    optimiser: adam(),
    schedule: constant(0.02),
    seed: 1,
    threads: 1,
    freeze: ['layers.0.**'],
    initial,
    validate: meanLoss(data),
    validateFirst: true,
  }
}

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'volant-frozen-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

describe('frozen weights that were given', () => {
  it('stay out of the checkpoint and are taken from `initial` when the run goes on', async () => {
    const whole = await train(settings())
    const file = path.join(folder, 'run')
    const stop = new AbortController()
    const light = { ...settings(), checkpoint: { file, every: 100, leaveFrozen: true } }
    const onEvent = ({ type }: { type: string }) => {
      if (type === 'epoch') stop.abort()
    }
    await expect(train({ ...light, signal: stop.signal, onEvent })).rejects.toThrow('abort')
    const { tensors } = readSafetensors(await readFile(file))
    expect([...tensors.keys()].filter((name) => name.includes('layers.0'))).toEqual([])
    expect([...tensors.keys()]).toContain('best:layers.1.weight')
    const resumed = await train(light)
    expect({ ...resumed, seconds: 0 }).toEqual({ ...whole, seconds: 0 })
    expect(resumed.parameters.get('layers.0.weight')).toBe(light.initial.get('layers.0.weight'))
  })

  it('are validated before the first update where that is asked for', async () => {
    const { first, history } = await train(settings())
    const still = await train({ ...settings(), epochs: 1, schedule: constant(0) })
    expect(first!.score).toBe(still.history[0]!.validation!.score)
    expect(history.at(-1)!.validation!.score).toBeLessThan(first!.score)
  })
})
