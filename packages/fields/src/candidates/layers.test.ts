import { encodeOnnx, GraphBuilder, lower } from '@volant/graph'
import { Context, initialise, openSession } from '@volant/nn'
import { describe, expect, it } from 'vitest'
import { piecewise } from '../encoders/number.js'
import { Network } from './layers.js'

describe('Network', () => {
  const members = 3
  const state = piecewise.fit([1, 2, 3, 5, 8, 13], {})
  const build = (count: number) =>
    new Network(
      { 'a.b': piecewise.features!.layer(state, { field: 4 }) },
      { y: 2 },
      { hidden: [6, 5], dropout: 0.5, members: count },
    )

  it('answers with the mean of its members, which start apart', async () => {
    const network = build(members)
    const builder = new GraphBuilder()
    const context = new Context(builder, { network })
    const x = context.input('x', 'float32', ['batch'])
    builder.output('mean', network.apply(context, () => ({ '': x }))['y']!)
    builder.output('apart', network.apply(context, () => ({ '': x }), true)['y']!)
    const model = lower(builder.build(), { opset: 18, provider: 'cpu', mode: 'infer' }, initialise({ network }, 1))
    const session = await openSession(encodeOnnx(model))
    const data = Float32Array.of(2, 9, Number.NaN)
    const { mean, apart } = await session.run({ x: { dtype: 'float32', dims: [3], data } })
    await session.release()

    expect(mean!.dims).toEqual([3, 2])
    expect(apart!.dims).toEqual([3 * members, 2])
    const of = (member: number, at: number) => Number(apart!.data[member * 6 + at])
    for (let at = 0; at < 6; at++) {
      expect(Number(mean!.data[at])).toBeCloseTo((of(0, at) + of(1, at) + of(2, at)) / members, 5)
    }
    expect(of(0, 0)).not.toBeCloseTo(of(1, 0), 3)
  })

  it('counts its work by member and keeps dots out of parameter paths', () => {
    expect(build(members).work).toBe(members * (4 * 6 + 6 * 5 + 5 * 2))
    expect([...initialise({ network: build(1) }, 1).keys()]).toContain('network.inputs.a%2Eb.linear.weight')
  })
})
