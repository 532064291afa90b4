import * as ort from 'onnxruntime-node'
import { describe, expect, it } from 'vitest'
import { GraphBuilder } from './builder.js'
import { geluTanh, silu } from './functions/activations.js'
import { gelu, mul, square, tanh } from './functions/elementwise.js'
import { layerNorm, matMul } from './functions/layers.js'
import { rmsNorm } from './functions/normalisation.js'
import { reduceMean } from './functions/reductions.js'
import { reshape } from './functions/shape.js'
import { gradients } from './gradients.js'
import type { Value } from './graph.js'
import { lower } from './onnx/lower.js'
import { type OnnxModel, readsOf } from './onnx/model.js'
import { random } from './testing/array.js'
import { profiler } from './testing/profile.js'
import { expectClose, runner } from './testing/run.js'

const train = { opset: 18, provider: 'cpu', mode: 'train' } as const
const run = runner(ort)
const [B, T, H] = [2, 3, 8]

type Part = (h: Value, gamma: Value, beta: Value) => Value

/** The loss of two products with something in between, and its gradients. */
function between(part: Part, recomputed = false): OnnxModel {
  const b = new GraphBuilder()
  const x = reshape(b.input('x', 'float32', ['B', 'T', H]), ['B*T', H])
  const [w, gamma, beta, v] = [
    b.parameter('w', [H, H]),
    b.parameter('gamma', [H]),
    b.parameter('beta', [H]),
    b.parameter('v', [H, H]),
  ]
  const body = () => part(matMul(x, w), gamma, beta)
  const loss = reduceMean(square(matMul(recomputed ? b.recomputed(body) : body(), v)))
  b.output('loss', loss)
  gradients(loss, [w, gamma, beta, v]).forEach((dw, i) => {
    b.output(`gradient${i}`, dw)
  })
  return lower(b.build(), train)
}

/** Ops of the forward pass whose results the backward pass reads. */
function kept({ graph: { nodes } }: OnnxModel): string[] {
  const needed = new Set(['loss'])
  const forward = nodes.toReversed().filter((node) => {
    const isForward = node.outputs.some((name) => needed.has(name))
    if (isForward) for (const name of readsOf(node)) needed.add(name)
    return isForward
  })
  const read = new Set(nodes.filter((node) => !forward.includes(node)).flatMap(readsOf))
  const results = forward.reverse().flatMap(({ opType, outputs }) => outputs.map((name) => ({ opType, name })))
  return results.flatMap(({ opType, name }) => (read.has(name) ? [opType] : []))
}

/** Makes the few numbers of a shape. */
const shapeWork = ['Shape', 'Slice', 'Concat']

const parts: [name: string, part: Part, kept: string[]][] = [
  ['layerNorm', layerNorm, ['LayerNormalization', 'LayerNormalization']],
  ['rmsNorm', (h, gamma) => rmsNorm(h, gamma), ['Reciprocal']],
  ['gelu', gelu, ['Add']],
  ['geluTanh', geluTanh, ['Tanh']],
  ['silu', silu, ['Sigmoid']],
  ['a product', (h) => mul(silu(h), tanh(h)), ['Sigmoid', 'Tanh']],
  ['a view', (h) => reshape(reshape(gelu(h), ['B', 'T', H]), ['B*T', H]), ['Add', ...shapeWork]],
]

describe('the backward pass', () => {
  it.each(parts)('makes the result of %s again instead of keeping it', async (_, part, expected) => {
    const model = between(part)
    // The input; the first product; then the second, which is squared.
    expect(kept(model)).toEqual(['Reshape', 'MatMul', ...expected, 'MatMul'])

    const feeds = {
      x: random([B, T, H], 1),
      w: random([H, H], 2),
      gamma: random([H], 3),
      beta: random([H], 4),
      v: random([H, H], 5),
    }
    const found = await run(model, feeds)
    const known = await run(between(part, true), feeds)
    for (const [name, { data }] of Object.entries(known)) expectClose(found[name]!.data, data, 1e-5, name)
  })

  it('keeps what it would have to keep more for', () => {
    const scaled = between((h) => mul(tanh(h), 2))
    expect(kept(scaled)).toEqual(['Reshape', 'Tanh', 'Mul', 'MatMul'])
  })

  it('leaves less in memory at the end of the forward pass', async () => {
    const b = new GraphBuilder()
    const [rows, layers] = [64, 3]
    const weights: Value[] = []
    let h = b.input('x', 'float32', ['N', H])
    for (let layer = 0; layer < layers; layer++) {
      const p = (name: string, shape: number[]) => {
        weights.push(b.parameter(`${layer}.${name}`, shape))
        return weights.at(-1)!
      }
      h = gelu(matMul(layerNorm(h, p('gamma', [H]), p('beta', [H])), p('w', [H, H])))
    }
    const loss = reduceMean(h)
    b.output('loss', loss)
    gradients(loss, weights).forEach((dw, i) => {
      b.output(`gradient${i}`, dw)
    })
    const feeds = {
      x: random([rows, H], 1),
      ...Object.fromEntries(
        b.build().parameters.map(({ path }, i) => [path, random(weights[i]!.shape as number[], i)]),
      ),
    }
    const ran = await profiler(ort)(lower(b.build(), train), feeds)
    const [tensor, statistic] = [rows * H * 4, rows * 4]
    // Of a layer: the product, the gate and two statistics, but not what is normalised and what is activated.
    const held = layers * (2 * tensor + 2 * statistic)
    const { bytes } = ran.find(({ name }) => name.startsWith('ReduceMean'))!
    expect(bytes).toBeGreaterThanOrEqual(held)
    // And the last activation with what it was just made of.
    expect(bytes).toBeLessThan(held + 2.5 * tensor)
  })
})
