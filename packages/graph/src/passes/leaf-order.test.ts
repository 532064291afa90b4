import * as ort from 'onnxruntime-node'
import { expect, it } from 'vitest'
import { GraphBuilder } from '../builder.js'
import { square, tanh } from '../functions/elementwise.js'
import { matMul } from '../functions/layers.js'
import { reduceSum } from '../functions/reductions.js'
import { gradients } from '../gradients.js'
import { lower } from '../onnx/lower.js'
import type { OnnxModel, OnnxNode } from '../onnx/model.js'
import { nd } from '../testing/array.js'
import { profiler } from '../testing/profile.js'
import { orderLeaves } from './leaf-order.js'

const profile = profiler(ort, 'disabled')

const node = (name: string, inputs: string[]): OnnxNode => ({
  name,
  opType: 'Sum',
  domain: '',
  inputs,
  outputs: [name],
  attributes: {},
})

it('puts leaves last and turns them round; the others keep their order', () => {
  const nodes = [node('a', []), node('leaf1', ['a']), node('b', ['a']), node('leaf2', ['b']), node('leaf3', ['a'])]
  expect(orderLeaves(nodes).map(({ name }) => name)).toEqual(['a', 'b', 'leaf3', 'leaf2', 'leaf1'])
})

it('lets the runtime compute the weight gradient of a layer before it is far below', async () => {
  const b = new GraphBuilder('deep')
  const weights = [0, 1, 2, 3].map((i) => b.parameter(`w${i}`, [4, 4]))
  const y = weights.reduce((h, w, i) => b.scope(`layer${i}`, () => tanh(matMul(h, w))), b.input('x', 'float32', [3, 4]))
  gradients(reduceSum(square(y)), weights).forEach((dw, i) => {
    b.output(`dw${i}`, dw)
  })
  const model = lower(b.build(), { opset: 18, provider: 'cpu', mode: 'train' })
  const consumed = new Set(model.graph.nodes.flatMap((n) => n.inputs))
  const leaves = model.graph.nodes.filter((n) => !n.outputs.some((name) => consumed.has(name)))
  const rest = model.graph.nodes.filter((n) => !leaves.includes(n))
  const asEmitted = { ...model, graph: { ...model.graph, nodes: [...rest, ...leaves.toReversed()] } }
  expect(lag(await runOrder(model))).toBe(1)
  expect(lag(await runOrder(asEmitted))).toBe(3)
})

/** By how many layers the backward pass went ahead of the last gradient of a layer; so long that layer's values live. */
function lag(order: readonly string[]): number {
  const backward = order.slice(order.findLastIndex((name) => name.includes('Tanh')) + 1)
  const layers = backward.flatMap((name) => /layer(\d)/.exec(name)?.[1] ?? []).map(Number)
  return Math.max(...layers.map((layer, i) => layer - Math.min(...layers.slice(0, i + 1))))
}

/** Names of the nodes as the runtime ran them. */
async function runOrder(model: OnnxModel): Promise<string[]> {
  const feeds = model.graph.inputs.map(({ name, shape }) => [name, nd(shape as number[], () => 0.1)] as const)
  return (await profile(model, Object.fromEntries(feeds))).map(({ name }) => name)
}
