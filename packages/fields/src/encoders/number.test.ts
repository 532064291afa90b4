import { encodeOnnx, GraphBuilder, lower } from '@volant/graph'
import { openSession } from '@volant/nn'
import { describe, expect, it } from 'vitest'
import { flags } from './boolean.js'
import { lookup } from './category.js'
import type { Encoder } from './encoder.js'
import { piecewise } from './number.js'

/** The sparse rows as a dense matrix, by the graph ops and by the rows themselves. */
async function bothWays<V>(encoder: Encoder<V>, training: (V | null)[], values: (V | null)[]) {
  const state = encoder.fit(training, {})
  const wide = encoder.wide!
  const width = wide.width(state)
  const builder = new GraphBuilder()
  const streams = Object.fromEntries(
    encoder.streams(state).map(({ suffix, dtype }) => [suffix, builder.input(`x${suffix}`, dtype, ['batch'])]),
  )
  const identity = Float32Array.from({ length: width * width }, (_, at) => (at % (width + 1) === 0 ? 1 : 0))
  builder.output('rows', wide.scores(streams, builder.constant(identity, { shape: [width, width] }), state))
  const session = await openSession(encodeOnnx(lower(builder.build(), { opset: 18, provider: 'cpu', mode: 'infer' })))
  const feeds = Object.entries(encoder.encode(values, state).tensors()).map(([suffix, tensor]) => [
    `x${suffix}`,
    tensor,
  ])
  const { rows } = await session.run(Object.fromEntries(feeds))
  await session.release()
  const sparse = wide.rows(values, state)
  const dense = new Float32Array(values.length * width)
  for (let row = 0; row < values.length; row++) {
    for (let at = sparse.indptr[row]!; at < sparse.indptr[row + 1]!; at++)
      dense[row * width + sparse.indices[at]!] = sparse.values[at]!
  }
  return { graph: Array.from(rows!.data as Float32Array), rows: Array.from(dense), state, width }
}

describe('columns of the linear model', () => {
  it('are the same numbers for the solver and in the graph: numbers', async () => {
    const training = Array.from({ length: 101 }, (_, x) => x * x)
    const { graph, rows } = await bothWays(piecewise, training, [0, 4.5, 9999, 123456, -7, null, 2500])
    graph.forEach((value, at) => {
      expect(value).toBeCloseTo(rows[at]!, 5)
    })
  })

  it('are the same for the solver and in the graph: categories and booleans', async () => {
    const plans = await bothWays(lookup, ['a', 'b', 'b', null], ['b', 'a', 'never seen', null])
    expect(plans.graph).toEqual(plans.rows)
    expect(plans.rows).toEqual([0, 1, 0, 0, 0, 1, 1, 0, 0, 1, 0, 0])
    const yes = await bothWays(flags, [true], [true, false, null])
    expect(yes.graph).toEqual(yes.rows)
    expect(yes.rows).toEqual([1, 0, 0, 0, 1, 0, 0, 0, 1])
  })
})

describe('piecewise', () => {
  it('places a number within quantile bins (Gorishniy et al. 2022)', () => {
    const state = piecewise.fit([0, 10, 20, 40], { bins: 3 })
    expect(state.edges).toEqual([0, 10, 20, 40])
    const { values } = piecewise.wide!.rows([15], state)
    expect(Array.from(values).slice(0, 2)).toEqual([1, 0.5])
  })

  it('survives a constant and an empty column', () => {
    for (const values of [
      [5, 5, 5],
      [null, null],
    ]) {
      const state = piecewise.fit(values, {})
      expect(Array.from(piecewise.wide!.rows([5, 6, null], state).values).every(Number.isFinite)).toBe(true)
    }
  })
})
