import * as ort from 'onnxruntime-node'
import { describe, expect, it } from 'vitest'
import { GraphBuilder } from '../builder.js'
import { gradients } from '../gradients.js'
import { encodeOnnx } from '../onnx/codec.js'
import { lower } from '../onnx/lower.js'
import { mul } from './elementwise.js'
import { maxPool2d } from './pooling.js'
import { reduceSum } from './reductions.js'

/** The gradient of Σ [6, 12] · maxPool2d(x, 2) at x of [1, 1, 2, width]. */
async function gradientAt(x: number[]): Promise<number[]> {
  const builder = new GraphBuilder()
  const dims = [1, 1, 2, x.length / 2]
  const picture = builder.input('x', 'float32', dims)
  const weights = builder.constant([6, 12], { shape: [1, 1, 1, 2] })
  const [slope] = gradients(reduceSum(mul(maxPool2d(picture, 2), weights)), [picture])
  builder.output('dx', slope!)
  const model = lower(builder.build(), { opset: 18, provider: 'cpu', mode: 'train' })
  const session = await ort.InferenceSession.create(encodeOnnx(model))
  const { dx } = await session.run({ x: new ort.Tensor('float32', x, dims) })
  await session.release()
  return [...(dx!.data as Float32Array)]
}

describe('the gradient of maxPool2d where elements are equal', () => {
  it('is shared among them where windows are tiles', async () => {
    expect(await gradientAt([1, 5, 3, 3, 5, 5, 3, 3])).toEqual([0, 2, 3, 3, 2, 2, 3, 3])
  })

  it('goes to the first where windows leave a rest', async () => {
    expect(await gradientAt([1, 5, 3, 3, 9, 5, 5, 3, 3, 9])).toEqual([0, 6, 12, 0, 0, 0, 0, 0, 0, 0])
  })
})
