import { add, mul, reduceSum, square, sub, tensorOf } from '@volant/graph'
import { describe, expect, it } from 'vitest'
import { constant as filled } from '../modules/initialisers.js'
import { Parameter } from '../modules/tree.js'
import { train } from '../trainer/train.js'
import { adam, adamW, rmsProp, sgd } from './optimisers.js'
import { constant, type Schedule, warmUp } from './schedules.js'
import type { Optimiser } from './transform.js'

const steps = 7
const schedule: Schedule = warmUp(3, constant(0.1))
const rates = [0.025, 0.05, 0.075, 0.1, 0.1, 0.1, 0.1]
const target = [0.3, -2, 5]

/** Loss sum (w - target)^2 + 3 b: gradients 2 (w - target) and 3, so that clipping mixes both parameters. */
async function run(optimiser: Optimiser, clip?: number) {
  const model = { weight: new Parameter([3], filled(1)), bias: new Parameter([1], filled(0.5)) }
  const { parameters } = await train({
    model,
    inputs: { t: { dtype: 'float32', shape: ['B', 3] } },
    loss: (context, { t }) =>
      add(reduceSum(square(sub(context.use(model.weight), t!))), reduceSum(mul(context.use(model.bias), 3))),
    data: { rows: 1, batch: () => ({ t: tensorOf('float32', [1, 3], target) }) },
    batchSize: 1,
    epochs: steps,
    optimiser,
    schedule,
    clip,
    seed: 0,
    threads: 1,
  })
  return [...parameters.get('weight')!.data, ...parameters.get('bias')!.data].map(Number)
}

/** The same in doubles: `update(w, g, rate, step, i)` gives the new value of number i. */
function reference(
  update: (w: number, g: number, rate: number, step: number, i: number) => number,
  clip = Number.POSITIVE_INFINITY,
) {
  let values = [1, 1, 1, 0.5]
  for (let step = 1; step <= steps; step++) {
    const gradients = values.map((w, i) => (i < 3 ? 2 * (w - target[i]!) : 3))
    const norm = Math.hypot(...gradients)
    const scale = Math.min(1, clip / (norm + 1e-6))
    values = values.map((w, i) => update(w, gradients[i]! * scale, rates[step - 1]!, step, i))
  }
  return values
}

function expectClose(found: number[], expected: number[]) {
  found.forEach((value, i) => {
    expect(Math.abs(value - expected[i]!)).toBeLessThan(2e-6 * Math.max(1, Math.abs(expected[i]!)))
  })
}

describe('optimisers against their definitions in doubles', () => {
  it('sgd', async () => {
    expectClose(
      await run(sgd()),
      reference((w, g, rate) => w - rate * g),
    )
  })

  it('sgd with clipping by global norm', async () => {
    expectClose(
      await run(sgd(), 0.7),
      reference((w, g, rate) => w - rate * g, 0.7),
    )
  })

  it.each([false, true])('sgd with momentum, nesterov %s', async (nesterov) => {
    const velocity = [0, 0, 0, 0]
    const expected = reference((w, g, rate, _, i) => {
      velocity[i] = 0.9 * velocity[i]! + g
      return w - rate * (nesterov ? g + 0.9 * velocity[i]! : velocity[i]!)
    }, 2)
    expectClose(await run(sgd({ momentum: 0.9, nesterov }), 2), expected)
  })

  it('rmsProp', async () => {
    const squares = [0, 0, 0, 0]
    const expected = reference((w, g, rate, _, i) => {
      squares[i] = 0.99 * squares[i]! + 0.01 * g * g
      return w - (rate * g) / (Math.sqrt(squares[i]!) + 1e-8)
    }, 1)
    expectClose(await run(rmsProp(), 1), expected)
  })

  it.each([0, 0.2])('adam with weight decay %d, from which the bias is exempt', async (weightDecay) => {
    const mean = [0, 0, 0, 0]
    const variance = [0, 0, 0, 0]
    const expected = reference((w, g, rate, step, i) => {
      mean[i] = 0.9 * mean[i]! + 0.1 * g
      variance[i] = 0.999 * variance[i]! + 0.001 * g * g
      const direction = mean[i]! / (1 - 0.9 ** step) / (Math.sqrt(variance[i]! / (1 - 0.999 ** step)) + 1e-8)
      return w - rate * (direction + (i < 3 ? weightDecay * w : 0))
    }, 1)
    expectClose(await run(weightDecay === 0 ? adam() : adamW({ weightDecay }), 1), expected)
  })
})
