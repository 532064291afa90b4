import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import {
  crossEntropy,
  GraphBuilder,
  gradients,
  mul,
  readSafetensors,
  reduceMean,
  reduceSum,
  type Tensor,
  tensorOf,
  type Value,
  writeSafetensors,
} from '@volant/graph'
import { describe, expect, it } from 'vitest'
import { adamW } from '../optimisers/optimisers.js'
import { constant } from '../optimisers/schedules.js'
import { Random } from '../random.js'
import { compute, type Nested } from '../runtime/compute.js'
import { compileTraining } from '../trainer/compile.js'
import type { TrainSettings } from '../trainer/settings.js'
import { train } from '../trainer/train.js'
import { type AdapterOptions, addAdapters, mergeAdapters, removeAdapters } from './adapters.js'
import { Context } from './context.js'
import { FeedForward } from './feed-forward.js'
import { Linear } from './linear.js'
import { TransformerEncoder } from './transformer.js'
import { initialise, walk } from './tree.js'

const [rows, time, width] = [4, 5, 8]
const everywhere = { targets: ['body.**'], rank: 2, alpha: 3 }

const classifier = () => ({
  body: new TransformerEncoder({ width, heads: 2, layers: 2, hidden: 12, dropout: 0.1 }),
  head: new Linear(width, 3),
})
type Classifier = ReturnType<typeof classifier>

function randomTensor(name: string, dims: readonly number[], size = 1): Tensor {
  const random = new Random(7, name)
  const count = dims.reduce((product, dim) => product * dim, 1)
  return {
    dtype: 'float32',
    dims,
    data: Float32Array.from({ length: count }, () => size * random.normal()),
  }
}

/** Weights none of which is at its start, so that every part of an adapter shows. */
function randomWeights(model: object): Map<string, Tensor> {
  const weights = initialise(model, 5)
  for (const [name, { dims }] of weights)
    if (name.includes('.adapter.')) weights.set(name, randomTensor(name, dims, 0.3))
  return weights
}

const logitsOf = (model: Classifier, context: Context, x: Value) =>
  model.head.apply(context, reduceMean(model.body.apply(context, x), 1))

async function logits(model: Classifier, weights: ReadonlyMap<string, Tensor>): Promise<number[]> {
  const context = new Context(new GraphBuilder(), model)
  const x = context.input('x', 'float32', ['B', 'T', width])
  const feeds = { ...Object.fromEntries(weights), x: randomTensor('x', [rows, time, width]) }
  const result = await compute({ y: logitsOf(model, context, x) }, feeds)
  return (result.y as Nested[][]).flat() as number[]
}

function expectClose(found: readonly number[], expected: readonly number[], digits: number) {
  expect(found.length).toBe(expected.length)
  for (const [i, value] of found.entries()) expect(value).toBeCloseTo(expected[i]!, digits)
}

function training(model: Classifier, freeze: string[]): TrainSettings {
  return {
    model,
    freeze,
    inputs: { x: { dtype: 'float32', shape: ['B', 'T', width] }, y: { dtype: 'int64', shape: ['B'] } },
    loss: (context, { x, y }) => crossEntropy(logitsOf(model, context, x!), y!),
    data: {
      rows: 12,
      batch: (chosen) => {
        const labels = [...chosen].map((row) => row % 3)
        const x = [...chosen].flatMap((row) => [...randomTensor(`row ${row}`, [time, width]).data].map(Number))
        return {
          x: tensorOf('float32', [chosen.length, time, width], x),
          y: tensorOf('int64', [chosen.length], labels),
        }
      },
    },
    batchSize: 4,
    epochs: 4,
    optimiser: adamW(),
    schedule: constant(0.01),
    seed: 3,
    threads: 1,
  }
}

const forms: [string, Partial<AdapterOptions>][] = [
  ['LoRA', { dropout: 0.2 }],
  ['DoRA', { dora: true }],
  ['rank-stabilised DoRA', { dora: true, rankStabilised: true }],
]

describe.each(forms)('%s', (_, form) => {
  const adaptedClassifier = () => {
    const model = classifier()
    return { model, freeze: addAdapters(model, { ...everywhere, ...form, train: ['head.**'] }) }
  }

  it('gives the very outputs of the base at the start', async () => {
    const { model } = adaptedClassifier()
    const weights = initialise(model, 5)
    expect([...weights.keys()]).toContain('body.layers.1.feedForward.up.adapter.down')
    expect(await logits(model, weights)).toEqual(await logits(classifier(), initialise(classifier(), 5)))
  })

  it('gives the same outputs merged', async () => {
    const { model } = adaptedClassifier()
    const weights = randomWeights(model)
    const before = await logits(model, weights)
    expect(Math.max(...before.map((value, i) => Math.abs(value - baseline[i]!)))).toBeGreaterThan(0.1)
    const merged = mergeAdapters(weights, model)
    removeAdapters(model)
    expect([...merged.keys()]).toEqual([...walk(model).parameters.values()])
    expectClose(await logits(model, merged), before, 5)
  })

  it('trains adapters and head only, with no product for the weights that stay', async () => {
    const { model, freeze } = adaptedClassifier()
    const run = training(model, freeze)
    const { slots, trained } = compileTraining({ ...run, accumulate: false, parallel: false })
    const learnt = [...walk(model).parameters.values()].filter((name) => /adapter|head/.test(name))
    expect([...trained].sort()).toEqual(learnt.toSorted())
    for (const slot of slots.keys()) expect(slot).toMatch(/adapter|head/)
    const { parameters, history } = await train(run)
    expect(history.at(-1)!.loss).toBeLessThan(history[0]!.loss)
    for (const [name, tensor] of initialise(model, run.seed))
      if (learnt.includes(name)) expect(parameters.get(name), name).not.toEqual(tensor)
      else expect(parameters.get(name), name).toEqual(tensor)
  })

  it('gives equal logits after saving, loading, merging and going on from there', async () => {
    const { model, freeze } = adaptedClassifier()
    const { parameters } = await train(training(model, freeze))
    const trained = await logits(model, parameters)
    const { tensors } = readSafetensors(writeSafetensors(parameters))
    const again = adaptedClassifier()
    expect(await logits(again.model, tensors)).toEqual(trained)
    const merged = mergeAdapters(tensors, again.model)
    const plain = classifier()
    expectClose(await logits(plain, merged), trained, 5)
    // New adapters on the merged weights begin where the former ended.
    const further = { ...training(plain, addAdapters(plain, { ...everywhere, ...form })), initial: merged, epochs: 1 }
    const start = initialise(plain, further.seed)
    expectClose(await logits(plain, new Map([...start, ...merged])), trained, 5)
    const { history } = await train(further)
    expect(history[0]!.loss).toBeLessThan(1)
  })

  it('is resumed from a checkpoint to the same bytes', async () => {
    const folder = await mkdtemp(path.join(tmpdir(), 'volant-adapters-'))
    const [whole, broken] = ['whole', 'broken'].map((name) => path.join(folder, name)) as [string, string]
    const run = (file: string) => {
      const { model, freeze } = adaptedClassifier()
      return { ...training(model, freeze), checkpoint: { file, every: 5 } }
    }
    await train(run(whole))
    const stop = new AbortController()
    const stopped = train({
      ...run(broken),
      signal: stop.signal,
      onEvent: (event) => event.type === 'step' && event.step === 7 && stop.abort(),
    })
    await expect(stopped).rejects.toThrow('abort')
    await train(run(broken))
    expect(Buffer.compare(await readFile(whole), await readFile(broken))).toBe(0)
    await rm(folder, { recursive: true })
  })
})

const baseline = await logits(classifier(), initialise(classifier(), 5))

it.each(forms)('the backward pass of %s makes no gradient of the weight', (_, form) => {
  const model = { layer: new Linear(5, 7), frozen: new FeedForward(7, 11) }
  const freeze = addAdapters(model, { targets: ['layer'], rank: 2, ...form })
  const builder = new GraphBuilder()
  const context = new Context(builder, model, { training: true, freeze })
  const x = context.input('x', 'float32', ['B', 5])
  const loss = reduceSum(model.frozen.apply(context, model.layer.apply(context, x)))
  const learnt = context.parameters.filter(({ trainable }) => trainable)
  gradients(
    loss,
    learnt.map(({ value }) => value),
  ).forEach((gradient, i) => {
    builder.output(`d ${learnt[i]!.path}`, gradient)
  })
  const { nodes, values } = builder.build()
  const made = nodes.flatMap(({ outputs }) => outputs.map((id) => String(values[id]!.shape)))
  expect(made).toContain('5,2')
  for (const weight of ['5,7', '7,11', '11,7']) expect(made).not.toContain(weight)
})

/** What DoRA computes, with the norms of the columns as they are given: they count as constants. */
function doraByHand(w: Record<string, Tensor>, scale: number, norms: number[]): number[] {
  const at = (name: string, i: number, j: number) => w[name]!.data[i * w[name]!.dims[1]! + j] as number
  return norms.flatMap((norm, column) =>
    [0, 1, 2].map((row) => {
      let sum = 0
      for (let i = 0; i < 4; i++) {
        let change = 0
        for (let k = 0; k < 2; k++) change += at('adapter.down', i, k) * at('adapter.up', k, column)
        sum += at('x', row, i) * (at('weight', i, column) + scale * change)
      }
      const start = Math.hypot(...[0, 1, 2, 3].map((i) => at('weight', i, column)))
      const wanted = start + (w['adapter.magnitude']!.data[column] as number)
      return (sum * wanted) / norm + (w['bias']!.data[column] as number)
    }),
  )
}

it('DoRA has the values and gradients of the paper, by finite differences with the norms held fixed', async () => {
  const layer = new Linear(4, 3)
  addAdapters(layer, { targets: [''], rank: 2, alpha: 3, dora: true })
  const feeds: Record<string, Tensor> = { x: randomTensor('x', [3, 4]), factors: randomTensor('factors', [3, 3]) }
  for (const [parameter, name] of walk(layer).parameters) feeds[name] = randomTensor(name, parameter.shape, 0.7)
  const context = new Context(new GraphBuilder(), layer)
  const [x, factors] = [context.input('x', 'float32', [3, 4]), context.input('factors', 'float32', [3, 3])]
  const y = layer.apply(context, x)
  const learnt = context.parameters.filter(({ path }) => path.startsWith('adapter.'))
  const slopes = gradients(reduceSum(mul(y, factors)), [...learnt.map(({ value }) => value), x])
  const found = await compute({ y, ...Object.fromEntries(slopes.map((slope, i) => [`d${i}`, slope])) }, feeds)

  const exact = Object.fromEntries(
    Object.entries(feeds).map(([name, { data, ...rest }]) => [
      name,
      { ...rest, data: Float64Array.from(data as Float32Array) },
    ]),
  ) as Record<string, Tensor>
  const [w, down, up] = ['weight', 'adapter.down', 'adapter.up'].map((name) => exact[name]!.data as Float64Array)
  const norms = [0, 1, 2].map((j) =>
    Math.hypot(
      ...[0, 1, 2, 3].map((i) => w![i * 3 + j]! + 1.5 * (down![i * 2]! * up![j]! + down![i * 2 + 1]! * up![3 + j]!)),
    ),
  )
  const loss = () =>
    doraByHand(exact, 1.5, norms).reduce(
      (sum, value, i) => sum + value * (exact['factors']!.data[(i % 3) * 3 + Math.floor(i / 3)] as number),
      0,
    )
  const values = (found['y'] as number[][]).flat()
  for (const [i, value] of doraByHand(exact, 1.5, norms).entries())
    expect(values[(i % 3) * 3 + Math.floor(i / 3)]).toBeCloseTo(value, 5)
  const names = [...learnt.map(({ path }) => path), 'x']
  expect(names).toEqual(['adapter.down', 'adapter.up', 'adapter.magnitude', 'x'])
  for (const [i, name] of names.entries()) {
    const data = exact[name]!.data as Float64Array
    const expected = Array.from(data, (value, place) => {
      const [above, below] = [1e-5, -1e-5].map((step) => {
        data[place] = value + step
        return loss()
      })
      data[place] = value
      return (above! - below!) / 2e-5
    })
    expectClose([(found as Record<string, Nested>)[`d${i}`]!].flat(2) as number[], expected, 4)
  }
})

describe('refuses', () => {
  const add = (options: Partial<AdapterOptions>) => () => addAdapters(classifier(), { targets: ['head'], ...options })
  it.each([
    [
      'a pattern without a layer',
      add({ targets: ['**.query', 'tail'] }),
      'addAdapters: the pattern "tail" matches no linear layer; there are body.layers.0.attention.query',
    ],
    ['a pattern of a parameter', add({ targets: ['head.weight'] }), 'matches no linear layer'],
    [
      'a rank of 0',
      add({ rank: 0 }),
      'the rank is 0, expected a whole number from 1 to 3 for a layer of 8 x 3 at "head"',
    ],
    ['a rank too large', add({ rank: 4 }), 'the rank is 4, expected a whole number from 1 to 3'],
    ['an alpha of 0', add({ rank: 2, alpha: 0 }), 'alpha is 0, expected a number above 0 at "head"'],
    ['a dropout of 1', add({ rank: 2, dropout: 1 }), 'the probability is 1'],
    ['an idle pattern of what else is trained', add({ rank: 2, train: ['tail.**'] }), '"tail.**" matches no parameter'],
  ])('%s', (_, attempt, message) => {
    expect(attempt).toThrow(message)
  })

  it('a second adapter, and weights that do not fit', () => {
    const model = classifier()
    const options = { targets: ['head'], rank: 2 }
    addAdapters(model, options)
    expect(() => addAdapters(model, options)).toThrow(
      'there is an adapter already; take it off with removeAdapters first at "head"',
    )
    const weights = initialise(model, 1)
    weights.set('head.adapter.up', randomTensor('up', [2, 4]))
    expect(() => mergeAdapters(weights, model)).toThrow('"head.adapter.up" is float32 [2,4], expected float32 [2,3]')
    weights.set('head.adapter.up', randomTensor('up', [2, 3]))
    weights.delete('head.weight')
    expect(() => mergeAdapters(weights, model)).toThrow('there is no "head.weight" among')
  })
})
