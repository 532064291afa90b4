import { describe, expect, it } from 'vitest'
import { GraphBuilder } from '../builder.js'
import { add } from '../functions/elementwise.js'
import { linear, matMul } from '../functions/layers.js'
import { gather } from '../functions/shape.js'
import type { Tensor } from '../tensor.js'
import { cnn, encoder, mlp } from '../testing/models.js'
import { pruneByMagnitude } from './prune.js'

const zeros = ({ data }: Tensor) => Array.from(data as Float32Array).filter((v) => v === 0).length

describe('pruneByMagnitude', () => {
  it.each([
    ['mlp', mlp()],
    ['encoder', encoder()],
    ['cnn', cnn()],
  ] as const)('sets the share asked for of each weight of an %s to 0, the smallest ones', (_name, model) => {
    const { weights, masks, sparsity, report } = pruneByMagnitude(model.graph, model.weights, { sparsity: 0.75 })
    expect(sparsity).toBeCloseTo(0.75, 3)
    expect(masks.size).toBe(report.places.filter(({ applied }) => applied).length)
    for (const [path, mask] of masks) {
      const [before, after] = [model.weights.get(path)!.data, weights.get(path)!.data] as Float32Array[]
      expect(zeros(weights.get(path)!) / after!.length).toBeCloseTo(0.75, 2)
      const sizes = (kept: number) => [...before!].filter((_, i) => mask[i] === kept).map(Math.abs)
      expect(Math.max(...sizes(0))).toBeLessThanOrEqual(Math.min(...sizes(1)))
      expect([...after!]).toEqual([...before!].map((v, i) => (mask[i] ? v : 0)))
    }
    for (const [path, tensor] of model.weights) if (!masks.has(path)) expect(weights.get(path)).toBe(tensor)
  })

  it('of all together takes more where weights are small', () => {
    const b = new GraphBuilder('two')
    const small = b.parameter('small', [4, 4])
    b.output('y', linear(linear(b.input('x', 'float32', ['N', 4]), small), b.parameter('large', [4, 4])))
    const tensor = (factor: number): Tensor => ({
      dtype: 'float32',
      dims: [4, 4],
      data: Float32Array.from({ length: 16 }, (_, i) => (i + 1) * factor),
    })
    const weights = new Map([
      ['small', tensor(0.1)],
      ['large', tensor(10)],
    ])
    const { weights: pruned } = pruneByMagnitude(b.build(), weights, { sparsity: 0.5, scope: 'global' })
    expect([zeros(pruned.get('small')!), zeros(pruned.get('large')!)]).toEqual([16, 0])
  })

  it('takes whole outputs: filters of a convolution, columns of a linear layer', () => {
    const { graph, weights } = cnn()
    const { weights: pruned } = pruneByMagnitude(graph, weights, { sparsity: 0.5, structure: 'output' })
    const filters = pruned.get('second.weight')!
    const size = filters.data.length / filters.dims[0]!
    const perFilter = Array.from({ length: filters.dims[0]! }, (_, i) =>
      zeros({ ...filters, data: (filters.data as Float32Array).subarray(i * size, (i + 1) * size) }),
    )
    expect(perFilter.filter((count) => count === size)).toHaveLength(filters.dims[0]! / 2)
    expect(perFilter.filter((count) => count > 0 && count < size)).toEqual([])
    const { data, dims } = pruned.get('head.weight')!
    const columns = Array.from({ length: dims[1]! }, (_, n) =>
      Array.from({ length: dims[0]! }, (__, k) => data[k * dims[1]! + n]).every((v) => v === 0),
    )
    expect(columns.filter(Boolean)).toHaveLength(dims[1]! / 2)
  })

  it('leaves biases, tied tables and what it is asked to, and says so', () => {
    const b = new GraphBuilder('tied')
    const table = b.parameter('table', [10, 4])
    const h = gather(table, b.input('ids', 'int64', ['N']))
    const y = linear(h, b.parameter('kept', [4, 4]), b.parameter('bias', [4]))
    b.output('y', matMul(add(y, h), table, { transB: true }))
    const weights = new Map<string, Tensor>(
      b.build().parameters.map(({ path, value }) => {
        const dims = b.value(value).shape as number[]
        return [path, { dtype: 'float32', dims, data: new Float32Array(dims.reduce((p, q) => p * q)).fill(1) }]
      }),
    )
    const { report, sparsity } = pruneByMagnitude(b.build(), weights, {
      sparsity: 0.5,
      keep: (path) => path === 'kept',
    })
    expect(sparsity).toBe(0)
    expect(report.places.map(({ at, what }) => [at, what])).toEqual([
      ['table', 'no weight of a product or convolution'],
      ['kept', 'asked to keep'],
      ['bias', 'no weight of a product or convolution'],
    ])
  })

  it('refuses a sparsity out of range', () => {
    const { graph, weights } = mlp()
    expect(() => pruneByMagnitude(graph, weights, { sparsity: 1 })).toThrow('must be in [0, 1), found 1')
  })
})
