import {
  crossEntropy,
  encodeOnnx,
  GraphBuilder,
  gradients,
  lower,
  reduceSum,
  type Tensor,
  tensorOf,
  type Value,
} from '@volant/graph'
import { describe, expect, it } from 'vitest'
import { LanguageModel, openReader } from '../networks/language-model.js'
import { Tagger } from '../networks/tagger.js'
import { TextClassifier } from '../networks/text-classifier.js'
import { adamW } from '../optimisers/optimisers.js'
import { constant } from '../optimisers/schedules.js'
import { Random } from '../random.js'
import { openSession } from '../runtime/session.js'
import { TagScheme } from '../sequences/tags.js'
import { viterbi } from '../sequences/viterbi.js'
import { train } from '../trainer/train.js'
import { Context } from './context.js'
import { GRU, LSTM, RNN } from './recurrent.js'
import { initialise, walk } from './tree.js'

async function run(
  model: object,
  feeds: Record<string, Tensor>,
  body: (context: Context, inputs: Record<string, Value>) => Record<string, Value>,
  mode: 'train' | 'infer' = 'infer',
) {
  const builder = new GraphBuilder()
  const context = new Context(builder, model)
  const inputs = Object.fromEntries(
    Object.entries(feeds).map(([name, { dtype, dims }]) => [
      name,
      context.input(name, dtype, ['B', 'T', ...dims.slice(2)]),
    ]),
  )
  for (const [name, value] of Object.entries(body(context, inputs))) builder.output(name, value)
  const bytes = encodeOnnx(lower(builder.build(), { opset: 18, provider: 'cpu', mode }, initialise(model, 1)))
  const session = await openSession(bytes)
  const found = await session.run(feeds)
  await session.release()
  return Object.fromEntries(Object.entries(found).map(([name, tensor]) => [name, [...(tensor.data as Float32Array)]]))
}

const random = new Random(7)
const some = (dims: number[]): Tensor =>
  tensorOf(
    'float32',
    dims,
    Array.from({ length: dims.reduce((a, b) => a * b) }, () => random.normal()),
  )
const flags = (dims: number[], values: number[]) => tensorOf('bool', dims, values)

function expectClose(found: readonly number[], expected: readonly number[]) {
  expect(found.length).toBe(expected.length)
  for (const [i, value] of found.entries()) expect(value).toBeCloseTo(expected[i]!, 5)
}

describe.each([
  ['RNN', RNN],
  ['LSTM', LSTM],
  ['GRU', GRU],
] as const)('%s', (_, Layers) => {
  const model = new Layers(3, 2, { layers: 2, bidirectional: true })
  const x = some([2, 4, 3])

  it('does not see what lies past a row’s end, in either direction', async () => {
    const mask = flags([2, 4], [1, 1, 0, 0, 1, 1, 1, 1])
    const other = { ...x, data: (x.data as Float32Array).map((v, i) => (i >= 6 && i < 12 ? v + 5 : v)) }
    const body = (context: Context, inputs: Record<string, Value>) => {
      const { y, last } = model.apply(context, inputs['x']!, { mask: inputs['mask']! })
      return { y, last: last[1]![0]! }
    }
    const [found, again] = [await run(model, { x, mask }, body), await run(model, { x: other, mask }, body)]
    expect(again).toEqual(found)
    expect(found['y']!.slice(8, 16)).toEqual(Array(8).fill(0))
    // The row alone, without padding, gives the same.
    const short = { ...x, dims: [1, 2, 3], data: (x.data as Float32Array).slice(0, 6) }
    const alone = await run(model, { x: short }, (context, { x }) => ({ y: model.apply(context, x!).y }))
    expectClose(found['y']!.slice(0, 8), alone['y']!)
  })

  it('is the same loop in training as the runtime’s op in inference', async () => {
    const mask = flags([2, 4], [1, 1, 1, 0, 1, 1, 1, 1])
    const body = (context: Context, inputs: Record<string, Value>) => ({
      y: model.apply(context, inputs['x']!, { mask: inputs['mask']! }).y,
    })
    const [infer, training] = [await run(model, { x, mask }, body), await run(model, { x, mask }, body, 'train')]
    expectClose(training['y']!, infer['y']!)
  })

  it('goes on from its last states', async () => {
    const forward = new Layers(3, 2, { layers: 2 })
    const whole = await run(forward, { x }, (context, { x }) => ({ y: forward.apply(context, x!).y }))
    const part = (from: number) => ({
      ...x,
      dims: [2, 2, 3],
      data: Float32Array.from(
        [0, 1].flatMap((row) => [...(x.data as Float32Array).slice((row * 4 + from) * 3, (row * 4 + from + 2) * 3)]),
      ),
    })
    const halves = await run(forward, { first: part(0), second: part(2) }, (context, { first, second }) => {
      const { last } = forward.apply(context, first!)
      return { y: forward.apply(context, second!, { initial: last }).y }
    })
    expectClose(halves['y']!, [...whole['y']!.slice(4, 8), ...whole['y']!.slice(12, 16)])
  })
})

describe('LSTM', () => {
  it('starts with open forget gates and names its weights', () => {
    const first = initialise(new LSTM(3, 2, { bidirectional: true }), 1)
    expect([...first.get('layers.0.backward.bias')!.data]).toEqual([0, 0, 0, 0, 1, 1, 0, 0])
    expect([...walk(new LSTM(3, 2)).parameters.values()]).toEqual([
      'layers.0.forward.weight',
      'layers.0.forward.recurrent',
      'layers.0.forward.bias',
    ])
  })

  it('has no gradient of its gradient, and says so', () => {
    const builder = new GraphBuilder()
    const model = new LSTM(3, 2)
    const context = new Context(builder, model)
    const x = context.input('x', 'float32', ['B', 'T', 3])
    const [dx] = gradients(reduceSum(model.apply(context, x).y), [x])
    expect(() => gradients(reduceSum(dx!), [x])).toThrow(/lstmGradient.*second order/)
  })
})

/** Rows of ids, equally long. */
const idRows = (rows: number[][]) => tensorOf('int64', [rows.length, rows[0]!.length], rows.flat())

describe('networks', () => {
  it.each(['lstm', 'gru'] as const)('a %s classifier learns whether the first token is 2', async (cell) => {
    const draw = new Random(1)
    const rows = Array.from({ length: 128 }, () => [
      2 + draw.integer(2),
      ...Array.from({ length: 5 }, () => 2 + draw.integer(6)),
    ])
    const model = new TextClassifier({
      vocabulary: 8,
      classes: 2,
      width: 8,
      hidden: 8,
      cell,
      pooling: 'last',
      bidirectional: false,
    })
    const { history } = await train({
      model,
      inputs: { ids: { dtype: 'int64', shape: ['B', 'T'] }, y: { dtype: 'int64', shape: ['B'] } },
      loss: (context, { ids, y }) => crossEntropy(model.apply(context, ids!), y!),
      data: {
        rows: rows.length,
        batch: (some) => ({
          ids: idRows(Array.from(some, (row) => rows[row]!)),
          y: tensorOf(
            'int64',
            [some.length],
            Array.from(some, (row) => rows[row]![0]! - 2),
          ),
        }),
      },
      batchSize: 16,
      epochs: 12,
      schedule: constant(0.02),
      optimiser: adamW({ weightDecay: 0 }),
      seed: 1,
      threads: 1,
    })
    expect(history.at(-1)!.loss).toBeLessThan(0.1)
  })

  it('a tagger learns spans, and its best tags are always legal', async () => {
    const scheme = new TagScheme('bmes', ['X'])
    const model = new Tagger({ tables: [{ vocabulary: 6, width: 8 }], scheme, hidden: 8 })
    // Runs of 4 and 5 are spans.
    const draw = new Random(2)
    const rows = Array.from({ length: 96 }, () => Array.from({ length: 7 }, () => 2 + draw.integer(4)))
    const spans = rows.map((row) => {
      const found: { kind: string; start: number; end: number }[] = []
      row.forEach((id, i) => {
        if (id < 4) return
        if (found.at(-1)?.end === i) found.at(-1)!.end++
        else found.push({ kind: 'X', start: i, end: i + 1 })
      })
      return found
    })
    const ids = { dtype: 'int64', shape: ['B', 'T'] } as const
    const pick = (some: Int32Array, all: number[][]) => idRows(Array.from(some, (row) => all[row]!))
    const tags = rows.map((row, i) => scheme.encode(spans[i]!, row.length))
    const predicted: (typeof spans)[number][] = []
    const { history } = await train({
      model,
      inputs: { ids, tags: ids },
      loss: (context, { ids, tags }) => model.loss(context, [ids!], tags!),
      data: { rows: 80, batch: (some) => ({ ids: pick(some, rows), tags: pick(some, tags) }) },
      batchSize: 16,
      epochs: 12,
      schedule: constant(0.02),
      optimiser: adamW({ weightDecay: 0 }),
      seed: 1,
      threads: 1,
      predict: (context, { ids }) => ({ emissions: model.apply(context, [ids!]), ...model.crf.scores(context) }),
      validate: async (predict) => {
        const rest = Int32Array.from({ length: 16 }, (_, i) => 80 + i)
        const { emissions, transitions, start, end } = await predict({ ids: pick(rest, rows) })
        const numbers = (tensor: Tensor | undefined) => tensor!.data as Float32Array
        const chain = { transitions: numbers(transitions), start: numbers(start), end: numbers(end) }
        const size = 7 * scheme.tags.length
        predicted.length = 0
        for (let i = 0; i < 16; i++) {
          const best = viterbi(numbers(emissions).subarray(i * size, (i + 1) * size), chain).tags
          expect(scheme.start(best[0]!) && scheme.end(best.at(-1)!)).toBe(true)
          expect(best.slice(1).every((tag, t) => scheme.move(best[t]!, tag))).toBe(true)
          predicted.push(scheme.spans(best))
        }
        return { score: predicted.filter((found, i) => String(found) !== String(spans[80 + i])).length }
      },
    })
    expect(history.at(-1)!.loss).toBeLessThan(0.2)
    expect(predicted).toEqual(spans.slice(80))
  })

  it('a language model reads step by step what it reads at once', async () => {
    const model = new LanguageModel({ vocabulary: 5, width: 4, hidden: 3 })
    const text = [1, 4, 0, 2]
    const { logits } = await run(model, { ids: idRows([text]) }, (context, { ids }) => ({
      logits: model.apply(context, ids!).logits,
    }))
    const reader = await openReader(model, initialise(model, 1))
    const read: number[] = []
    for (const id of text) read.push(...(await reader.read(id)))
    await reader.release()
    expectClose(read, logits!)
  })
})
