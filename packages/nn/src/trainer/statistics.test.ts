import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { add, mul, reduceMean, sub, tensorOf, type Value } from '@volant/graph'
import { describe, expect, it } from 'vitest'
import { meanSquaredError } from '../losses/regression.js'
import type { Context } from '../modules/context.js'
import { ones, zeros } from '../modules/initialisers.js'
import { Module } from '../modules/module.js'
import { initialise, Parameter, parameterCount, Statistic } from '../modules/tree.js'
import { sgd } from '../optimisers/optimisers.js'
import { constant } from '../optimisers/schedules.js'
import { createRuntime } from '../runtime/runtime.js'
import { compileTraining } from './compile.js'
import type { TrainSettings } from './settings.js'
import { train } from './train.js'

/** Subtracts the batch's mean in training, the running mean otherwise. */
class Centred extends Module {
  readonly mean = new Statistic([1], ones, 0.25)
  readonly gain = new Parameter([1], ones)
  readonly shift = new Parameter([1], zeros)

  protected forward(context: Context, x: Value): Value {
    const scaled = (centre: Value) => add(mul(sub(x, centre), context.use(this.gain)), context.use(this.shift))
    if (!context.observes(this.mean)) return scaled(context.use(this.mean))
    const mean = reduceMean(x, 0)
    context.observe(this.mean, mean)
    return scaled(mean)
  }
}

const xs = [4, 8, 1, 3]

function settings(changes: Partial<TrainSettings> = {}): TrainSettings {
  const model = new Centred()
  return {
    model,
    inputs: { x: { dtype: 'float32', shape: ['B', 1] } },
    loss: (context, { x }) => meanSquaredError(model.apply(context, x!), mul(x!, 2)),
    data: {
      rows: 4,
      batch: (rows) => ({
        x: tensorOf(
          'float32',
          [rows.length, 1],
          [...rows].map((row) => xs[row]!),
        ),
      }),
    },
    batchSize: 4,
    epochs: 2,
    optimiser: sgd(),
    schedule: constant(0.01),
    seed: 1,
    threads: 1,
    ...changes,
  }
}

const meanAfter = async (changes: Partial<TrainSettings>) =>
  (await train(settings(changes))).parameters.get('mean')!.data[0]

describe('statistics', () => {
  it('are no learnt numbers, but move with every update: m + 0.25 (shown - m)', async () => {
    expect(parameterCount(new Centred())).toBe(2)
    // The mean of all rows is 4; 1 + 0.25 * 3 = 1.75; 1.75 + 0.25 * 2.25 = 2.3125
    expect(await meanAfter({})).toBe(2.3125)
  })

  it('take the mean over the batches of one update, weighted by their rows', async () => {
    expect(await meanAfter({ batchSize: 2, accumulate: 2 })).toBe(2.3125)
    expect(await meanAfter({ batchSize: 3, accumulate: 2 })).toBeCloseTo(2.3125, 6)
  })

  it('stay as they are when frozen, and are then what the layer uses', async () => {
    const { parameters, history } = await train(settings({ freeze: ['mean'], epochs: 1 }))
    expect(parameters.get('mean')!.data[0]).toBe(1)
    // ((x - 1) - 2x)^2 = (x + 1)^2: 25, 81, 4, 16
    expect(history[0]!.loss).toBeCloseTo(31.5, 4)
  })

  it('are what validation uses', async () => {
    const scores: number[] = []
    await train(
      settings({
        schedule: constant(0),
        async validate(predict) {
          const { loss } = await predict({ x: tensorOf('float32', [1, 1], [0]) })
          scores.push(Number(loss!.data[0]))
          return { score: 0 }
        },
      }),
    )
    expect(scores).toEqual([1.75 ** 2, 2.3125 ** 2])
  })

  it.each([false, true])('stay as they are after a spoiled step (accumulated: %s)', async (accumulate) => {
    const { programs, slots } = compileTraining({ ...settings(), accumulate, parallel: false })
    const runtime = createRuntime({ threads: 1 })
    try {
      for (const [name, program] of Object.entries(programs)) await runtime.load(name, program)
      const zero = [...slots].map(([name, dims]) => [name, { dtype: 'float32', dims, data: new Float32Array(1) }])
      await runtime.write({ ...Object.fromEntries(initialise(settings().model, 1)), ...Object.fromEntries(zero) })
      const update = async (value: number) => {
        const batch = { x: tensorOf('float32', [1, 1], [value]) }
        await runtime.step(accumulate ? 'accumulate' : 'step', batch, { lossWeight: 1, learningRate: 0.01 })
        if (accumulate) await runtime.step('apply', {}, { learningRate: 0.01 })
        return (await runtime.read(['mean']))['mean']!.data[0]
      }
      expect(await update(Number.NaN)).toBe(1)
      expect(await update(5)).toBe(2)
    } finally {
      await runtime.release()
    }
  })

  it('go on from a checkpoint', async () => {
    const folder = await mkdtemp(path.join(tmpdir(), 'volant-statistics-'))
    try {
      const checkpoint = { file: path.join(folder, 'run'), every: 1 }
      const stop = new AbortController()
      const onEvent = () => stop.abort(new Error('stopped'))
      await expect(train(settings({ checkpoint, epochs: 2, signal: stop.signal, onEvent }))).rejects.toThrow('stopped')
      expect(await meanAfter({ checkpoint })).toBe(2.3125)
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
  })
})
