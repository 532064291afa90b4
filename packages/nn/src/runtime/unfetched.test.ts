import { encodeOnnx, GraphBuilder, lower, mul, reduceSum } from '@volant/graph'
import { Tensor as OrtTensor } from 'onnxruntime-node'
import { describe, expect, it } from 'vitest'
import { nodeBinding } from './node-binding.js'
import { createSession, REFUSED } from './onnx-session.js'
import { runIntoPlace, withRefusedOutput } from './unfetched.js'

const session = async () => {
  const builder = new GraphBuilder('double')
  const x = builder.input('x', 'float32', [4])
  builder.output('double', mul(x, 2))
  builder.output('sum', reduceSum(x, 0))
  const model = encodeOnnx(lower(builder.build(), { opset: 18, provider: 'cpu', mode: 'train' }))
  return (await createSession(nodeBinding, withRefusedOutput(model))).session
}
const x = () => new OrtTensor('float32', Float32Array.of(1, 2, 3, 4), [4])

describe('a run into place', () => {
  it('ends at the refused output, before the binding copies anything', async () => {
    const refusing = await session()
    expect(refusing.outputNames[0]).toBe(REFUSED)
    await expect(refusing.run({ x: x() }, [REFUSED, 'double', 'sum'])).rejects.toThrow(
      'Non tensor type is temporarily not supported.',
    )
  })

  it('has written every output when it ends', async () => {
    const double = new OrtTensor('float32', new Float32Array(4), [4])
    const sum = new OrtTensor('float32', new Float32Array(1), [])
    await runIntoPlace(await session(), { x: x() }, { double, sum })
    expect([...double.data, ...sum.data]).toEqual([2, 4, 6, 8, 10])
  })

  it('still tells what is wrong with the feeds', async () => {
    const bad = new OrtTensor('float32', new Float32Array(3), [3])
    await expect(runIntoPlace(await session(), { x: bad }, {})).rejects.toThrow(/Expected: 4/)
  })
})
