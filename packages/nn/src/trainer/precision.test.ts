import { crossEntropy, decodeOnnx, mul, tensorOf } from '@volant/graph'
import { afterAll, describe, expect, it } from 'vitest'
import { Conv2d } from '../modules/convolution.js'
import { Linear } from '../modules/linear.js'
import { flatten } from '../modules/sequential.js'
import { initialise } from '../modules/tree.js'
import { adamW } from '../optimisers/optimisers.js'
import { constant } from '../optimisers/schedules.js'
import { createRuntime } from '../runtime/runtime.js'
import { compileTraining } from './compile.js'
import { firstLossScale, nextLossScale } from './loss-scale.js'
import type { TrainEvent, TrainSettings } from './settings.js'
import { train } from './train.js'

// The processor runs the programs of graphics cards too, but takes the casts out in pairs, so that its digits are float32's: held
// here are the form of the programs and the scaling of the loss, not the rounding.
const runtime = createRuntime({ threads: 1 })
afterAll(() => runtime.release())

/** The logits are divided and the loss is multiplied by `size`. */
function settings(size = 1): TrainSettings {
  const model = { conv: new Conv2d(1, 4, 3), head: new Linear(4 * 16, 2) }
  return {
    model,
    inputs: { x: { dtype: 'float32', shape: ['B', 1, 6, 6] }, y: { dtype: 'int64', shape: ['B'] } },
    loss: (context, { x, y }) => {
      const h = model.conv.apply(context, x!)
      return mul(crossEntropy(mul(model.head.apply(context, flatten(h)), size ** -0.6), y!), size)
    },
    data: {
      rows: 8,
      batch: (rows) => ({
        x: tensorOf(
          'float32',
          [rows.length, 1, 6, 6],
          [...rows].flatMap((row) => Array.from({ length: 36 }, (_, i) => Math.sin(row + i) / 3 + (row % 2))),
        ),
        y: tensorOf(
          'int64',
          [rows.length],
          [...rows].map((row) => row % 2),
        ),
      }),
    },
    batchSize: 4,
    epochs: 10,
    optimiser: adamW(),
    schedule: constant(0.01),
    seed: 1,
  }
}

const half = { precision: 'float16', device: 'cuda', runtime } as const

describe('training in float16', () => {
  it.each([1, 2])('follows float32, weights kept in 32 bits (%i batches an update)', async (accumulate) => {
    const whole = await train({ ...settings(), runtime, accumulate })
    const found = await train({ ...settings(), ...half, accumulate })
    for (const [i, { loss }] of found.history.entries())
      expect(Math.abs(loss - whole.history[i]!.loss)).toBeLessThan(0.01)
    expect(found.history.at(-1)!.loss).toBeLessThan(0.7 * found.history[0]!.loss)
    expect(found.parameters.get('head.weight')!.dtype).toBe('float32')
  })

  it('puts products and convolutions in 16 bits, nothing else', () => {
    const { programs } = compileTraining({ ...settings(), accumulate: false, parallel: false, precision: 'float16' })
    const { nodes, inputs } = decodeOnnx(programs['step']!.model).graph
    const twins = nodes.filter(({ outputs }) => outputs[0]!.includes(':float16')).map(({ opType }) => opType)
    expect(twins).toContain('Conv')
    expect(twins).toContain('Gemm')
    expect(new Set(twins.filter((op) => !['Conv', 'ConvTranspose', 'Gemm', 'MatMul', 'Cast'].includes(op)))).toEqual(
      new Set(),
    )
    expect(inputs.every(({ dtype }) => dtype !== 'float16')).toBe(true)
  })

  it('leaves out an update that overflows and scales the loss less', async () => {
    const norms: number[] = []
    const onEvent = (event: TrainEvent) => {
      if (event.type === 'step') norms.push(event.norm)
    }
    // This loss times the first factor, 2^16, is beyond float32, the gradients themselves are not.
    const { parameters } = await train({ ...settings(1e34), ...half, maxSteps: 1, onEvent })
    expect(parameters).toEqual(initialise(settings().model, 1))
    await train({ ...settings(1e34), ...half, onEvent })
    expect(norms.map(Number.isFinite)).toEqual([false, false, ...Array(19).fill(true)])
  })

  it('moves the scale as published', () => {
    expect(nextLossScale(firstLossScale, false)).toEqual({ scale: 2 ** 15, good: 0 })
    expect(nextLossScale({ scale: 8, good: 1999 }, true)).toEqual({ scale: 16, good: 0 })
    expect(nextLossScale({ scale: 1, good: 5 }, false)).toBeUndefined()
  })

  it('is refused on the processor', async () => {
    await expect(train({ ...settings(), precision: 'float16' })).rejects.toMatchObject({
      code: 'precision-not-here',
      message: expect.stringContaining('needs a graphics card'),
    })
  })
})
