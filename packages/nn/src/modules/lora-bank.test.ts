import { encodeOnnx, GraphBuilder, lower, reduceMean, type Tensor, tensorOf } from '@volant/graph'
import { expect, it } from 'vitest'
import { Random } from '../random.js'
import { openSession } from '../runtime/session.js'
import { addAdapters, mergeAdapters, removeAdapters } from './adapters.js'
import { Context } from './context.js'
import { Linear } from './linear.js'
import { bankAdapters } from './lora-bank.js'
import { TransformerEncoder } from './transformer.js'
import { initialise } from './tree.js'

const [time, width] = [5, 8]
const network = () => ({
  body: new TransformerEncoder({ width, heads: 2, layers: 2, hidden: 12 }),
  head: new Linear(width, 3),
})
const base = initialise(network(), 5)

function randomTensor(name: string, dims: readonly number[]): Tensor {
  const random = new Random(7, name)
  return {
    dtype: 'float32',
    dims,
    data: Float32Array.from({ length: dims.reduce((a, b) => a * b) }, () => random.normal()),
  }
}

/** An adapter of the base with random numbers; without targets the base itself. */
function trained(name: string, targets: readonly string[], options: object) {
  const model = network()
  if (targets.length > 0) addAdapters(model, { targets, ...options })
  const weights = new Map([...initialise(model, 5), ...base])
  for (const [path, { dims }] of weights)
    if (path.includes('.adapter.')) weights.set(path, randomTensor(`${name} ${path}`, dims))
  return { model, weights }
}

const adapters = [
  trained('small', ['**.query', '**.value'], { rank: 2, alpha: 1 }),
  trained('base', [], {}),
  trained('directed', ['**.query', '**.feedForward.*', 'head'], { rank: 3, alpha: 2, dora: true }),
  trained('stable', ['body.layers.1.**'], { rank: 4, alpha: 1, rankStabilised: true }),
]

/** Logits of each row of `feeds.x` [rows, time, width]. */
async function logits(
  model: ReturnType<typeof network>,
  weights: ReadonlyMap<string, Tensor>,
  feeds: Record<string, Tensor>,
) {
  const builder = new GraphBuilder()
  const context = new Context(builder, model)
  const x = context.input('x', 'float32', ['B', 'T', width])
  builder.output('y', model.head.apply(context, reduceMean(model.body.apply(context, x), 1)))
  const graph = lower(builder.build(), { opset: 18, provider: 'cpu', mode: 'infer' }, weights)
  const session = await openSession(encodeOnnx(graph))
  const { y } = await session.run(feeds)
  await session.release()
  return Array.from({ length: y!.dims[0]! }, (_, row) => [...(y!.data as Float32Array).subarray(3 * row, 3 * row + 3)])
}

it('one session answers rows of different adapters as each does alone', async () => {
  const choices = [2, 0, 3, 1, 1, 2, 0, 3, 3]
  const rows = choices.map((_, row) => randomTensor(`row ${row}`, [1, time, width]))
  const x = tensorOf(
    'float32',
    [rows.length, time, width],
    rows.flatMap(({ data }) => [...data].map(Number)),
  )
  const model = network()
  const found = await logits(model, bankAdapters(model, base, adapters), {
    x,
    adapter: tensorOf('int64', [choices.length], choices),
  })
  const alone = await Promise.all(adapters.map(({ model, weights }) => logits(model, weights, { x })))
  const plain = await logits(network(), base, { x })
  for (const [row, choice] of choices.entries())
    for (const [i, value] of found[row]!.entries()) {
      expect(value).toBeCloseTo(alone[choice]![row]![i]!, 5)
      if (choice !== 1) expect(Math.abs(value - plain[row]![i]!)).toBeGreaterThan(1e-4)
    }
})

it('refuses what cannot stand side by side', () => {
  const other = trained('other', ['head'], { rank: 1 })
  other.weights.set('body.layers.0.attention.key.weight', randomTensor('key', [width, width]))
  expect(() => bankAdapters(network(), base, [adapters[0]!, other])).toThrow(
    'bankAdapters: "body.layers.0.attention.key.weight" of adapter 1 is not that of the base',
  )
  const model = network()
  const banked = bankAdapters(model, base, adapters)
  expect(() => bankAdapters(model, base, adapters)).toThrow(
    'there is an adapter already at "body.layers.0.attention.query"',
  )
  expect(() => addAdapters(model, { targets: ['head'], rank: 1 })).toThrow('there is an adapter already')
  expect(() => mergeAdapters(banked, model)).toThrow(
    'mergeAdapters: several adapters share "body.layers.0.attention.query"',
  )
  removeAdapters(model)
  expect(mergeAdapters(base, model)).toEqual(base)
})
