import { encodeOnnx, GraphBuilder, gather, lower, type Tensor, tensorOf, type Value } from '@volant/graph'
import { describe, expect, it } from 'vitest'
import { openSession } from '../runtime/session.js'
import { AttentionPooling } from './attention.js'
import { Context } from './context.js'
import { Embedding, EmbeddingBag, PositionEmbedding } from './embedding.js'
import { Linear, MLP } from './linear.js'
import { Module } from './module.js'
import { matchesPath } from './paths.js'
import { TextConvolution } from './text-convolution.js'
import { TransformerEncoder } from './transformer.js'
import { initialise, Parameter, parameterCount, walk } from './tree.js'

/** Runs a model on inputs; `body` appends it. */
async function run(
  model: object,
  feeds: Record<string, Tensor>,
  body: (context: Context, inputs: Record<string, Value>) => Value,
) {
  const builder = new GraphBuilder()
  const context = new Context(builder, model)
  const inputs = Object.fromEntries(
    Object.entries(feeds).map(([name, { dtype, dims }]) => [name, context.input(name, dtype, dims)]),
  )
  builder.output('y', body(context, inputs))
  const parameters = initialise(model, 1)
  const session = await openSession(
    encodeOnnx(lower(builder.build(), { opset: 18, provider: 'cpu', mode: 'infer' }, parameters)),
  )
  const { y } = await session.run(feeds)
  return { y: [...(y!.data as Float32Array)], dims: y!.dims, parameters }
}

const ramp = (dims: number[], step = 0.37) =>
  tensorOf(
    'float32',
    dims,
    Array.from({ length: dims.reduce((a, b) => a * b) }, (_, i) => Math.sin(i * step)),
  )

function expectClose(found: number[], expected: number[]) {
  expect(found.length).toBe(expected.length)
  for (const [i, value] of found.entries()) expect(value).toBeCloseTo(expected[i]!, 5)
}

describe('paths', () => {
  it('are the names of the fields', () => {
    class Tagger extends Module {
      readonly encoder = new TransformerEncoder({ width: 8, heads: 2, layers: 2, norm: 'pre' })
      readonly heads = { queue: new Linear(8, 3), spam: new Linear(8, 1, { bias: false }) }
      protected forward(_: Context, x: Value): Value {
        return x
      }
    }
    const paths = [...walk(new Tagger()).parameters.values()]
    expect(paths).toContain('encoder.layers.1.attention.query.weight')
    expect(paths.filter((path) => !path.startsWith('encoder.layers'))).toEqual([
      'encoder.norm.gamma',
      'encoder.norm.beta',
      'heads.queue.weight',
      'heads.queue.bias',
      'heads.spam.weight',
    ])
    expect(parameterCount(new MLP([4, 5, 3]))).toBe(4 * 5 + 5 + 5 * 3 + 3)
  })

  it.each([
    ['**.bias', 'bias', true],
    ['**.bias', 'encoder.layers.0.query.bias', true],
    ['**.bias', 'encoder.bias.weight', false],
    ['encoder.**', 'encoder.layers.0.query.bias', true],
    ['encoder.*', 'encoder.layers.0', false],
    ['encoder.layers.*.*Norm.gamma', 'encoder.layers.11.attentionNorm.gamma', true],
    ['encoder', 'encoders', false],
  ])('pattern %s, path %s: %s', (pattern, path, expected) => {
    expect(matchesPath(pattern, path)).toBe(expected)
  })

  it('gives a shared parameter one path, and starts each parameter alike whatever else the model holds', () => {
    const shared = new Parameter([2], (shape, random) => Float32Array.from(shape, () => random.normal()))
    const tree = walk({ a: shared, b: { again: shared } })
    expect([...tree.parameters.values()]).toEqual(['a'])
    const alone = initialise({ head: new Linear(3, 2) }, 7).get('head.weight')
    const beside = initialise({ body: new MLP([9, 9]), head: new Linear(3, 2) }, 7).get('head.weight')
    expect(beside).toEqual(alone)
    expect(initialise({ head: new Linear(3, 2) }, 8).get('head.weight')).not.toEqual(alone)
  })

  it('refuses a parameter outside the model and a freeze pattern that matches nothing', () => {
    const context = new Context(new GraphBuilder(), { layer: new Linear(1, 1) })
    expect(() => context.use(new Parameter([1], () => new Float32Array(1)))).toThrow('no field of the model')
    expect(() => new Context(new GraphBuilder(), { layer: new Linear(1, 1) }, { freeze: ['encoder.**'] })).toThrow(
      '"encoder.**" matches no parameter',
    )
  })
})

describe('layers', () => {
  it('TextConvolution equals convolution, ReLU and masked maximum written out', async () => {
    const [batch, time, width, filters] = [2, 4, 3, 2]
    const kernels = [2, 3, 7]
    const model = new TextConvolution(width, filters, kernels)
    const x = ramp([batch, time, width])
    const mask: Tensor = { dtype: 'bool', dims: [batch, time], data: Uint8Array.of(1, 1, 1, 1, 1, 1, 0, 0) }
    const { y, dims, parameters } = await run(model, { x, mask }, (c, { x, mask }) => model.apply(c, x!, mask))
    expect(dims).toEqual([batch, filters * kernels.length])
    const at = (b: number, t: number, c: number) =>
      t < 0 || t >= time || !mask.data[b * time + t] ? 0 : Number(x.data[(b * time + t) * width + c])
    const expected: number[] = []
    for (let b = 0; b < batch; b++)
      kernels.forEach((kernel, k) => {
        const weight = parameters.get(`convolutions.${k}.weight`)!.data
        for (let f = 0; f < filters; f++) {
          let largest = 0
          for (let t = 0; t < time; t++) {
            if (!mask.data[b * time + t]) continue
            let sum = 0
            for (let c = 0; c < width; c++)
              for (let tap = 0; tap < kernel; tap++)
                sum += at(b, t + tap - Math.floor((kernel - 1) / 2), c) * Number(weight[(f * width + c) * kernel + tap])
            largest = Math.max(largest, sum)
          }
          expected.push(largest)
        }
      })
    expectClose(y, expected)
  })

  it('EmbeddingBag sums weighted rows; Embedding and PositionEmbedding add up', async () => {
    const bag = new EmbeddingBag(5, 2)
    const feeds = { ids: tensorOf('int64', [2, 2], [4, 1, 3, 0]), weights: tensorOf('float32', [2, 2], [0.5, 2, 1, 0]) }
    const { y, parameters } = await run(bag, feeds, (c, { ids, weights }) => bag.apply(c, ids!, weights!))
    const table = parameters.get('table')!.data as Float32Array
    const expected = [0.5 * table[8]! + 2 * table[2]!, 0.5 * table[9]! + 2 * table[3]!, table[6]!, table[7]!]
    expectClose(y, expected)

    const model = { words: new Embedding(5, 2), positions: new PositionEmbedding(8, 2) }
    const tokens = { ids: tensorOf('int64', [1, 2], [3, 3]) }
    const sum = await run(model, tokens, (c, { ids }) => model.positions.apply(c, model.words.apply(c, ids!)))
    const words = sum.parameters.get('words.table')!.data as Float32Array
    const positions = sum.parameters.get('positions.table')!.data as Float32Array
    expectClose(
      sum.y,
      sum.y.map((_, i) => words[6 + (i % 2)]! + positions[i]!),
    )
  })

  it.each(['pre', 'post'] as const)(
    'padding changes nothing: encoder with %s-norm and attention pooling',
    async (norm) => {
      const model = {
        encoder: new TransformerEncoder({ width: 8, heads: 2, layers: 2, norm }),
        pooling: new AttentionPooling(8),
      }
      const pooled = async (time: number) => {
        const full = ramp([1, 6, 8])
        const x: Tensor = { dtype: 'float32', dims: [1, time, 8], data: (full.data as Float32Array).slice(0, time * 8) }
        const mask: Tensor = {
          dtype: 'bool',
          dims: [1, time],
          data: Uint8Array.from({ length: time }, (_, t) => (t < 3 ? 1 : 0)),
        }
        return run(model, { x, mask }, (c, { x, mask }) =>
          model.pooling.apply(c, model.encoder.apply(c, x!, mask), mask),
        )
      }
      const [short, long] = [await pooled(3), await pooled(6)]
      expect(short.dims).toEqual([1, 8])
      expectClose(long.y, short.y)
      expect(new Set(short.y.map((value) => value.toFixed(4))).size).toBeGreaterThan(4)
    },
  )

  it('refuses heads that do not divide the width, and a bad dropout', () => {
    expect(() => new TransformerEncoder({ width: 10, heads: 3, layers: 1 })).toThrow(
      'width of 10 cannot be split into 3 heads',
    )
    expect(() => new MLP([1, 1], { dropout: 1 })).toThrow('the probability is 1')
  })

  it('refuses a table used both whole and by row', () => {
    const model = { words: new Embedding(5000, 2) }
    const context = new Context(new GraphBuilder(), model, { rowAccess: true })
    const ids = context.input('ids', 'int64', ['B'])
    model.words.apply(context, ids)
    expect(() => gather(context.use(model.words.table), ids)).toThrow('used both by row and whole')
  })
})
