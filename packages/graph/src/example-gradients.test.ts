import * as ort from 'onnxruntime-node'
import { describe, expect, it } from 'vitest'
import { GraphBuilder } from './builder.js'
import { clippedGradients, exampleGradientNorms } from './example-gradients.js'
import { conv2d } from './functions/convolution.js'
import { add, mul, relu, tanh } from './functions/elementwise.js'
import { embeddingBag, feedForward, layerNorm, linear, matMul } from './functions/layers.js'
import { batchNorm } from './functions/normalisation.js'
import { reduceMean, reduceSum } from './functions/reductions.js'
import { gather, reshape } from './functions/shape.js'
import { gradients } from './gradients.js'
import type { Value } from './graph.js'
import { lower } from './onnx/lower.js'
import { ids, list, type NdArray, random } from './testing/array.js'
import { expectClose, runner } from './testing/run.js'

const run = runner(ort)
const B = 3

interface Network {
  readonly name: string
  readonly feeds: Record<string, NdArray>
  readonly shapes: Record<string, (number | string)[]>
  readonly parameters: Record<string, number[]>
  /** Losses [B]. */
  readonly build: (x: Record<string, Value>, w: Record<string, Value>) => Value
}

const perExample = (y: Value): Value => reduceSum(mul(tanh(y), y), y.shape.map((_, i) => i).slice(1))

const networks: Network[] = [
  {
    name: 'linear layers of one row an example',
    feeds: { x: random([B, 4]) },
    shapes: { x: ['B', 4] },
    parameters: { w1: [4, 5], b1: [5], w2: [5, 2] },
    build: ({ x }, { w1, b1, w2 }) => perExample(linear(tanh(linear(x!, w1!, b1!)), w2!)),
  },
  ...[3, 'T'].map(
    (T): Network => ({
      name: `embeddings, norm, feed-forward and linear over ${T} steps, ids repeated`,
      feeds: { i: ids([0, 1, 1, 2, 2, 2, 3, 0, 3], [B, 3]) },
      shapes: { i: ['B', T] },
      parameters: {
        table: [4, 6],
        gamma: [6],
        beta: [6],
        w1: [6, 8],
        b1: [8],
        w2: [8, 6],
        b2: [6],
        w: [6, 5],
        b: [5],
        scale: [5],
        shift: [1, 1, 5],
      },
      build: ({ i }, { table, gamma, beta, w1, b1, w2, b2, w, b, scale, shift }) => {
        const h = layerNorm(gather(table!, i!), gamma!, beta!)
        const f = add(h, feedForward(h, w1!, b1!, w2!, b2!))
        return perExample(add(mul(linear(f, w!, b!), scale!), shift!))
      },
    }),
  ),
  {
    name: 'a table tied to the output',
    feeds: { i: ids([0, 1, 1, 2, 2, 2], [B, 2]) },
    shapes: { i: ['B', 2] },
    parameters: { table: [4, 3], w: [3, 3] },
    build: ({ i }, { table, w }) =>
      perExample(matMul(tanh(matMul(gather(table!, i!), w!)), table!, { transB: true, alpha: 0.5 })),
  },
  {
    name: 'a bag of words without biases behind it',
    feeds: { i: ids([0, 1, 1, 2, 2, 2], [B, 2]), v: list([1, 0.5, 2, -1, 1, 1], [B, 2]) },
    shapes: { i: ['B', 2], v: ['B', 2] },
    parameters: { table: [4, 3], w1: [3, 4], w2: [4, 3] },
    build: ({ i, v }, { table, w1, w2 }) =>
      perExample(feedForward(embeddingBag(table!, i!, v!), w1!, undefined, w2!, undefined)),
  },
  {
    name: 'convolutions with stride, padding, dilation and groups',
    feeds: { x: random([B, 2, 6, 5]) },
    shapes: { x: ['B', 2, 6, 5] },
    parameters: { w1: [4, 2, 3, 2], b1: [4], w2: [2, 2, 2, 2] },
    build: ({ x }, { w1, b1, w2 }) =>
      perExample(
        conv2d(relu(conv2d(x!, w1!, b1!, { stride: [2, 1], padding: [1, [0, 1]] })), w2!, undefined, {
          dilation: [1, 2],
          groups: 2,
        }),
      ),
  },
]

function open({ shapes, feeds, parameters }: Network) {
  const b = new GraphBuilder()
  const x = Object.fromEntries(
    Object.keys(shapes).map((name) => [name, b.input(name, feeds[name]!.dtype, shapes[name]!)]),
  )
  const w = Object.fromEntries(Object.entries(parameters).map(([name, shape]) => [name, b.parameter(name, shape)]))
  const weights = Object.fromEntries(
    Object.entries(parameters).map(([name, shape], i) => [name, random(shape, i + 3, -1, 1)]),
  )
  return { b, x, w, all: { ...feeds, ...weights } }
}

const execute = (b: GraphBuilder, feeds: Record<string, NdArray>) =>
  run(lower(b.build(), { opset: 18, provider: 'cpu', mode: 'train' }), feeds)

/** One backward pass for each example. */
async function bruteForce(network: Network) {
  const { b, x, w, all } = open(network)
  const losses = network.build(x, w)
  const chosen = b.input('chosen', 'float32', ['B'])
  for (const [i, dw] of gradients(losses, Object.values(w), chosen).entries()) b.output(`d${i}`, dw)
  return Promise.all(
    Array.from({ length: B }, async (_, example) => {
      const one = list(Array.from({ length: B }, (_, i) => +(i === example)))
      const found = await execute(b, { ...all, chosen: one })
      return Object.values(w).map((_, i) => found[`d${i}`]!.data)
    }),
  )
}

describe('gradients of single examples', () => {
  it.each(networks.map((network) => [network.name, network] as const))('%s', async (_, network) => {
    const each = await bruteForce(network)
    const norms = each.map((grads) => Math.sqrt(grads.flat().reduce((sum, v) => sum + v * v, 0)))
    const largest = norms.toSorted((a, b) => a - b)[1]! // cuts some examples, not all
    const { b, x, w, all } = open(network)
    const clipped = clippedGradients(network.build(x, w), Object.values(w), largest)
    b.output('norms', clipped.norms)
    for (const [i, dw] of clipped.gradients.entries()) b.output(`d${i}`, dw)
    const found = await execute(b, all)
    expectClose(found['norms']!.data, norms, 2e-5, 'norms')
    for (const i of Object.keys(Object.values(w)).map(Number)) {
      const sum = each[0]![i]!.map((_, k) =>
        each.reduce((total, grads, e) => total + grads[i]![k]! * Math.min(1, largest / norms[e]!), 0),
      )
      expectClose(found[`d${i}`]!.data, sum, 5e-5, `gradient ${i}`)
    }
  })

  it('are refused where there are none, or no rule', () => {
    const b = new GraphBuilder()
    const x = b.input('x', 'float32', ['B', 3])
    const w = b.parameter('w', [3, 3])
    const [gamma, beta] = [b.parameter('gamma', [3]), b.parameter('beta', [3])]
    const y = linear(x, w)
    const { y: normed } = batchNorm(y, gamma, beta)
    expect(() => exampleGradientNorms(perExample(normed), [w])).toThrow('share its statistics')
    expect(() => exampleGradientNorms(perExample(matMul(w, reshape(x, [3, 'B']))), [w])).toThrow('matMul')
    expect(() => exampleGradientNorms(reduceMean(y), [w])).toThrow('the losses must be [B]')
    expect(() => clippedGradients(perExample(y), [w], 0)).toThrow('above 0')
  })
})
