import { monitorEventLoopDelay } from 'node:perf_hooks'
import { add, mul, reduceMean, square, type Tensor, tensorOf } from '@volant/graph'
import { afterEach, describe, expect, it } from 'vitest'
import { meanSquaredError } from '../losses/regression.js'
import { Linear, MLP } from '../modules/linear.js'
import { initialise } from '../modules/tree.js'
import { adam } from '../optimisers/optimisers.js'
import { optimiserScalars } from '../optimisers/update.js'
import { compileEvaluation, compileTraining } from '../trainer/compile.js'
import type { Runtime } from './interface.js'
import { createRuntime } from './runtime.js'

let runtime: Runtime
afterEach(() => runtime.release())

const layer = new Linear(3, 2)
const inputs = { x: { dtype: 'float32', shape: ['B', 3] }, y: { dtype: 'float32', shape: ['B', 2] } } as const

async function ready(optimiser = adam()) {
  runtime = createRuntime({ threads: 1 })
  const { programs, slots } = compileTraining({
    model: layer,
    inputs,
    loss: (context, { x, y }) => meanSquaredError(layer.apply(context, x!), y!),
    optimiser,
  })
  await runtime.load('step', programs['step']!)
  await runtime.write({ ...Object.fromEntries(initialise(layer, 1)), ...zeros(slots) })
}

function zeros(slots: ReadonlyMap<string, readonly number[]>): Record<string, Tensor> {
  const tensors = [...slots].map(([path, dims]): [string, Tensor] => [
    path,
    { dtype: 'float32', dims, data: new Float32Array(dims.reduce((a, b) => a * b, 1)) },
  ])
  return Object.fromEntries(tensors)
}

const batch = () => ({
  x: tensorOf('float32', [2, 3], [1, 2, 3, 4, 5, 6]),
  y: tensorOf('float32', [2, 2], [1, 0, 0, 1]),
})
const scalars = (step: number) => ({ ...optimiserScalars(adam(), step, 0.01), lossWeight: 1 })

describe('createRuntime', () => {
  it('updates resident state in place and shares it among programs', async () => {
    await ready()
    const evaluation = compileEvaluation(layer, inputs, (context, { x }) => ({
      y: add(mul(layer.apply(context, x!), 2), 0),
    }))
    await runtime.load('evaluate', evaluation)
    const before = await runtime.step('evaluate', batch())
    const first = await runtime.step('step', batch(), scalars(1))
    const after = await runtime.step('evaluate', batch())
    const second = await runtime.step('step', batch(), scalars(2))
    expect(second['loss']!.data[0]).toBeLessThan(Number(first['loss']!.data[0]))
    expect(after['y']!.data).not.toEqual(before['y']!.data)
    const state = await runtime.read()
    expect(Object.keys(state).sort()).toEqual(
      ['bias', 'bias:adam.mean', 'bias:adam.variance', 'weight', 'weight:adam.mean', 'weight:adam.variance'].sort(),
    )
    expect(state['weight']!.data).not.toEqual(initialise(layer, 1).get('weight')!.data)
  })

  it('moves the batch in and leaves written tensors to the caller', async () => {
    await ready()
    const moved = batch()
    await runtime.step('step', moved, scalars(1))
    expect(moved.x.data.length).toBe(0)
    const kept = initialise(layer, 5)
    await runtime.write(Object.fromEntries(kept))
    expect(kept.get('weight')!.data.length).toBe(6)
    expect((await runtime.read(['weight']))['weight']).toEqual(kept.get('weight'))
  })

  it.each([Number.NaN, Number.POSITIVE_INFINITY, 1e30])(
    'leaves all state to the byte as it was on a batch holding %d',
    async (bad) => {
      await ready()
      await runtime.step('step', batch(), scalars(1))
      const before = await runtime.read()
      const spoiled = batch()
      spoiled.x.data[1] = bad
      const { norm } = await runtime.step('step', spoiled, scalars(2))
      expect(Number.isFinite(Number(norm!.data[0]))).toBe(false)
      expect(await runtime.read()).toEqual(before)
    },
  )

  it('keeps the event loop of the caller free while it trains', async () => {
    runtime = createRuntime({ threads: 1 })
    const wide = new MLP([1024, 1024, 1024, 1024])
    const { programs, slots } = compileTraining({
      model: wide,
      inputs: { x: { dtype: 'float32', shape: ['B', 1024] } },
      loss: (context, { x }) => reduceMean(square(wide.apply(context, x!))),
      optimiser: adam(),
    })
    await runtime.load('step', programs['step']!)
    await runtime.write({ ...Object.fromEntries(initialise(wide, 1)), ...zeros(slots) })
    const delay = monitorEventLoopDelay({ resolution: 1 })
    const times: number[] = []
    for (let step = 1; step <= 8; step++) {
      const x: Tensor = { dtype: 'float32', dims: [1024, 1024], data: new Float32Array(1024 * 1024).fill(0.1) }
      const started = performance.now()
      const done = runtime.step('step', { x }, scalars(step))
      if (step > 1) delay.enable()
      await done
      delay.disable()
      times.push(performance.now() - started)
    }
    const stepTime = times.sort((a, b) => a - b)[4]!
    const [median, largest] = [delay.percentile(50) / 1e6, delay.max / 1e6]
    console.log(
      `event loop while training: steps of ${stepTime.toFixed(0)} ms, delay ${median.toFixed(1)} ms (median), ${largest.toFixed(1)} ms (largest)`,
    )
    // A blocked loop would be late by a whole step.
    expect(stepTime).toBeGreaterThan(20)
    expect(median).toBeLessThan(stepTime / 4)
    expect(largest).toBeLessThan(stepTime)
  })

  it('refuses what it does not know by name', async () => {
    await ready()
    await expect(runtime.step('train', batch())).rejects.toThrow('There is no program "train"')
    await expect(runtime.read(['w'])).rejects.toThrow('There is no resident tensor "w"')
    await expect(runtime.step('step', { x: batch().x }, scalars(1))).rejects.toThrow(
      'Input "y": expected float32 [B, 2], found nothing',
    )
    await runtime.release()
    await expect(runtime.read()).rejects.toMatchObject({ code: 'released' })
  })

  it('does not grow over 2,000 steps', async () => {
    await ready()
    const resident = async (from: number, to: number) => {
      for (let step = from; step < to; step++) await runtime.step('step', batch(), scalars(step + 1))
      return process.memoryUsage().rss / 2 ** 20
    }
    const settled = await resident(0, 1000)
    expect((await resident(1000, 2000)) - settled).toBeLessThan(12)
  })
})
