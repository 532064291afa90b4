import { encodeOnnx, GraphBuilder, gradients, lower, type Tensor, tensorOf, type Value } from '@volant/graph'
import { expect, it } from 'vitest'
import { openSession } from '../runtime/session.js'
import { huber, meanSquaredError } from './regression.js'

const predictions = [1, -2, 0.5, 4]
const targets = [0, 1, 0.25, Number.NaN]
const mask = [1, 1, 2, 0]

async function evaluate(loss: (p: Value, t: Value, m: Value) => Value) {
  const b = new GraphBuilder()
  const [p, t, m] = ['p', 't', 'm'].map((name) => b.input(name, 'float32', ['B']))
  const value = loss(p!, t!, m!)
  b.output('loss', value)
  b.output('slope', gradients(value, [p!])[0]!)
  const session = await openSession(encodeOnnx(lower(b.build(), { opset: 18, provider: 'cpu', mode: 'train' })))
  const feeds: Record<string, Tensor> = {}
  for (const [name, numbers] of Object.entries({ p: predictions, t: targets, m: mask }))
    feeds[name] = tensorOf('float32', [4], numbers)
  const { loss: result, slope } = await session.run(feeds)
  return { loss: Number(result!.data[0]), slope: [...(slope!.data as Float32Array)] }
}

it('meanSquaredError is the weighted mean, and a masked NaN reaches neither loss nor gradient', async () => {
  const { loss, slope } = await evaluate((p, t, mask) => meanSquaredError(p, t, { mask }))
  expect(loss).toBeCloseTo((1 + 9 + 2 * 0.0625) / 4, 6)
  expect(slope).toEqual([2 / 4, -6 / 4, (2 * 0.5) / 4, 0])
})

it('huber is quadratic within delta and linear beyond', async () => {
  const { loss, slope } = await evaluate((p, t, mask) => huber(p, t, { mask, delta: 2 }))
  expect(loss).toBeCloseTo((0.5 + 2 * (3 - 1) + 2 * 0.5 * 0.0625) / 4, 6)
  expect(slope).toEqual([1 / 4, -2 / 4, (2 * 0.25) / 4, 0])
})
