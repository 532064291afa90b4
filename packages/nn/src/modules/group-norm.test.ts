import { encodeOnnx, GraphBuilder, lower, tensorOf } from '@volant/graph'
import { describe, expect, it } from 'vitest'
import { openSession } from '../runtime/session.js'
import { Context } from './context.js'
import { GroupNorm } from './group-norm.js'
import { initialise } from './tree.js'

describe('GroupNorm', () => {
  it('normalises each group of each example, worked out by hand', async () => {
    const model = new GroupNorm(2, 4, 0)
    const builder = new GraphBuilder()
    const context = new Context(builder, model)
    builder.output('y', model.apply(context, context.input('x', 'float32', ['B', 4, 1])))
    const parameters = initialise(model, 1)
    ;(parameters.get('gamma')!.data as Float32Array).set([1, 2, 1, 1])
    ;(parameters.get('beta')!.data as Float32Array).set([0, 0, 0, 10])
    const session = await openSession(
      encodeOnnx(lower(builder.build(), { opset: 18, provider: 'cpu', mode: 'infer' }, parameters)),
    )
    const { y } = await session.run({ x: tensorOf('float32', [2, 4, 1], [1, 3, 0, 4, 10, 30, 5, 7]) })
    // Groups of two numbers become -1 and 1; then channel 1 is doubled and channel 3 raised by 10.
    const expected = [-1, 2, -1, 11, -1, 2, -1, 11]
    expected.forEach((value, i) => {
      expect(Number(y!.data[i])).toBeCloseTo(value, 4)
    })
  })

  it('refuses groups that do not divide the channels', () => {
    expect(() => new GroupNorm(3, 4)).toThrow('4 channels cannot be cut into 3 groups')
  })
})
