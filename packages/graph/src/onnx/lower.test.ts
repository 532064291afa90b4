import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as ort from 'onnxruntime-node'
import { describe, expect, it } from 'vitest'
import { GraphBuilder } from '../builder.js'
import { GraphError } from '../error.js'
import { attention } from '../functions/attention.js'
import { add, mul, sqrt, sub, sumOf } from '../functions/elementwise.js'
import { dropout, feedForward, layerNorm, linear } from '../functions/layers.js'
import { reduceMean, reduceSumSquare } from '../functions/reductions.js'
import { dimension, reshape, scatterAdd } from '../functions/shape.js'
import { gradients } from '../gradients.js'
import type { Value } from '../graph.js'
import { tensorOf } from '../tensor.js'
import { ids, list, nd, random } from '../testing/array.js'
import { expectClose, runner } from '../testing/run.js'
import { assertSafeAliasing } from './aliasing.js'
import { decodeOnnx, encodeOnnx } from './codec.js'
import { lower } from './lower.js'
import type { OnnxModel } from './model.js'

const run = runner(ort)
const train = { opset: 18, provider: 'cpu', mode: 'train' } as const
const infer = { ...train, mode: 'infer' } as const

const count = (model: OnnxModel, opType: string) => model.graph.nodes.filter((n) => n.opType === opType).length

function encoderLayers(layers: number): { b: GraphBuilder; loss: Value; parameters: Value[] } {
  const b = new GraphBuilder('encoder')
  const H = 8
  const mask = b.input('mask', 'bool', ['B', 'T'])
  const parameters: Value[] = []
  let x = reshape(b.input('x', 'float32', ['B', 'T', H]), ['B*T', H])
  for (let layer = 0; layer < layers; layer++)
    b.scope(`layers.${layer}`, () => {
      const p = (name: string, shape: number[]) => {
        const value = b.parameter(`layers.${layer}.${name}`, shape)
        parameters.push(value)
        return value
      }
      const heads = (name: string) => reshape(linear(x, p(`${name}.w`, [H, H]), p(`${name}.b`, [H])), ['B', 'T', H])
      const seen = attention(heads('q'), heads('k'), heads('v'), { heads: 2, mask })
      const h = layerNorm(add(x, reshape(seen, ['B*T', H])), p('gamma', [H]), p('beta', [H]))
      x = add(h, feedForward(h, p('w1', [H, 16]), p('b1', [16]), p('w2', [16, H]), p('b2', [H])))
    })
  return { b, loss: reduceMean(mul(x, x)), parameters }
}

describe('lower', () => {
  it('shares the shape work among all layers', () => {
    const shapeNodes = (layers: number) => {
      const { b, loss, parameters } = encoderLayers(layers)
      gradients(loss, parameters).forEach((dx, i) => {
        b.output(`d${i}`, dx)
      })
      const model = lower(b.build(), train)
      return ['Shape', 'Slice', 'Concat', 'Squeeze', 'ConstantOfShape'].map((op) => count(model, op))
    }
    expect(shapeNodes(4)).toEqual(shapeNodes(1))
  })

  it('puts leaves last, those of the first layer first', () => {
    const { b, loss, parameters } = encoderLayers(2)
    b.output('loss', loss)
    gradients(loss, parameters).forEach((dx, i) => {
      b.output(`d${i}`, dx)
    })
    const { nodes } = lower(b.build(), train).graph
    const consumed = new Set(nodes.flatMap((n) => n.inputs))
    const leaves = nodes.filter((n) => !n.outputs.some((name) => consumed.has(name)))
    expect(nodes.slice(-leaves.length)).toEqual(leaves)
    expect(leaves.at(-1)!.outputs).toEqual(['loss'])
    const layers = leaves.slice(0, -1).map((n) => Number(/layers\.(\d)/.exec(n.name)?.[1]))
    expect(layers).toEqual(layers.toSorted())
  })

  it('serves several shapes with one model, and agrees with inference', async () => {
    const { b, loss, parameters } = encoderLayers(1)
    b.output('loss', loss)
    gradients(loss, parameters).forEach((dx, i) => {
      b.output(`d${i}`, dx)
    })
    const plain = encoderLayers(1)
    plain.b.output('loss', plain.loss)
    for (const [B, T] of [
      [1, 2],
      [3, 5],
    ] as const) {
      const feeds = {
        x: random([B, T, 8]),
        mask: nd([B, T], () => 1, 'bool'),
        ...Object.fromEntries(
          b.build().parameters.map((p, i) => [p.path, random(parameters[i]!.shape as number[], i)]),
        ),
      }
      const trained = await run(lower(b.build(), train), feeds)
      const inferred = await run(lower(plain.b.build(), infer), feeds)
      expectClose(trained['loss']!.data, inferred['loss']!.data, 1e-5, 'loss')
    }
  })

  it('is fused by the runtime as intended: transposes and scales go into the products, no slow SkipLayerNormalization', async () => {
    const { b, loss, parameters } = encoderLayers(2)
    b.output('loss', loss)
    gradients(loss, parameters).forEach((dx, i) => {
      b.output(`d${i}`, dx)
    })
    const folder = await mkdtemp(join(tmpdir(), 'volant-graph-'))
    try {
      const optimizedModelFilePath = join(folder, 'optimised.onnx')
      const options = { optimizedModelFilePath, logSeverityLevel: 3 } as const
      const session = await ort.InferenceSession.create(encodeOnnx(lower(b.build(), train)), options)
      await session.release()
      const optimised = decodeOnnx(await readFile(optimizedModelFilePath))
      // Per layer: four in attention (scores, dQ, dK, dV), the rest in sums of rows.
      expect(count(optimised, 'FusedMatMul')).toBeGreaterThanOrEqual(4 * 2)
      expect(count(optimised, 'SkipLayerNormalization')).toBe(0)
      expect(optimised.graph.nodes.length).toBeLessThan(120 * 2)
    } finally {
      await rm(folder, { recursive: true })
    }
  })

  it('makes the dropout factors of attention again in the backward pass instead of keeping them', () => {
    const b = new GraphBuilder()
    const x = b.input('x', 'float32', ['B', 'T', 8])
    const seen = attention(x, x, x, { heads: 2, dropout: { p: 0.5, seed: b.input('seed', 'uint32', []), salt: 1 } })
    const [dx] = gradients(reduceMean(mul(seen, seen)), [x])
    b.output('dx', dx!)
    // One comparison of hashes a mask.
    expect(count(lower(b.build(), train), 'Less')).toBe(2)
  })

  it('takes parameters from initializers, leaving the others inputs', () => {
    const b = new GraphBuilder()
    b.output('y', linear(b.input('x', 'float32', ['N', 2]), b.parameter('w', [2, 1]), b.parameter('b', [1])))
    const { graph } = lower(b.build(), infer, new Map([['w', tensorOf('float32', [2, 1], [1, 2])]]))
    expect(graph.inputs.map((i) => i.name)).toEqual(['x', 'b'])
    expect([...graph.initializers.keys()]).toEqual(['w'])
  })

  it('refuses a dim that no input carries', () => {
    const b = new GraphBuilder()
    b.output(
      'y',
      b.scope('pool', () => dimension(b, 'U')),
    )
    expect(() => lower(b.build(), train)).toThrow(GraphError)
    expect(() => lower(b.build(), train)).toThrow('at pool: no input has the dimension "U"')
  })

  it('copies a value that has two names', async () => {
    const b = new GraphBuilder()
    const x = b.input('x', 'float32', [2])
    const y = add(x, 1)
    for (const name of ['a', 'b']) b.output(name, y)
    b.output('same', x)
    const found = await run(lower(b.build(), infer), { x: list([1, 2]) })
    expect([found['a']!.data, found['b']!.data, found['same']!.data]).toEqual([
      [2, 3],
      [2, 3],
      [1, 2],
    ])
  })

  it('sums repeated rows exactly on two threads', async () => {
    const b = new GraphBuilder()
    b.output('y', scatterAdd(b.input('rows', 'float32', ['N', 64]), b.input('ids', 'int64', ['N']), 3000))
    const n = 2048
    const feeds = { rows: nd([n, 64], () => 1), ids: ids(Array.from({ length: n }, (_, i) => i % 2)) }
    for (let i = 0; i < 5; i++) {
      const { y } = await run(lower(b.build(), train), feeds)
      expect(new Set(y!.data.slice(0, 128))).toEqual(new Set([n / 2]))
    }
  })
})

describe('dropout', () => {
  const masks = async (seed: number) => {
    const b = new GraphBuilder()
    const x = b.input('x', 'float32', [100, 100])
    const s = b.input('seed', 'uint32', [])
    b.output('first', dropout(x, 0.3, s))
    b.output('second', dropout(add(x, 0), 0.3, s))
    const found = await run(lower(b.build(), train), { x: nd([100, 100], () => 1), seed: list([seed], [], 'uint32') })
    return [found['first']!.data, found['second']!.data] as const
  }
  const agreement = (a: readonly number[], b: readonly number[]) =>
    a.filter((v, i) => v > 0 === b[i]! > 0).length / a.length

  it('keeps the share asked for, repeats with the seed, and differs between seeds and nodes', async () => {
    const [first, second] = await masks(7)
    const [again] = await masks(7)
    const [other] = await masks(8)
    expect(again).toEqual(first)
    const kept = first.filter((v) => v > 0).length / first.length
    expect(kept).toBeGreaterThan(0.68)
    expect(kept).toBeLessThan(0.72)
    // Independent masks agree on 0.7² + 0.3² = 0.58 of the elements.
    for (const b of [second, other]) expect(Math.abs(agreement(first, b) - 0.58)).toBeLessThan(0.03)
  })
})

describe('assertSafeAliasing', () => {
  function step(safe: boolean): OnnxModel {
    const b = new GraphBuilder()
    const x = b.input('x', 'float32', ['N', 2])
    const w = b.parameter('w', [2, 1])
    const y = linear(x, w)
    const [dw] = gradients(reduceMean(mul(y, y)), [w])
    const norm = sqrt(sumOf([reduceSumSquare(dw!)]))
    b.output('w.next', sub(w, safe ? mul(dw!, norm) : 0.1))
    b.output('y', y)
    return lower(b.build(), train)
  }
  const pairs = [{ state: 'w', update: 'w.next' }]

  it('accepts updates that come after every reader', () => assertSafeAliasing(step(true), pairs))
  it('refuses when another reader may run later', () => {
    expect(() => assertSafeAliasing(step(false), pairs)).toThrow(
      /"w" cannot be updated in place: MatMul|"w" cannot be updated in place: Gemm/,
    )
  })
  it('refuses an update that reads the state out of order, and names that do not exist', () => {
    const b = new GraphBuilder()
    b.output('w.next', linear(b.parameter('w', [2, 2]), b.parameter('v', [2, 2])))
    const model = lower(b.build(), train)
    expect(() => assertSafeAliasing(model, pairs)).toThrow('cannot be updated in place')
    expect(() => assertSafeAliasing(model, [{ state: 'u', update: 'w.next' }])).toThrow('"u" is not an input')
    expect(() => assertSafeAliasing(model, [{ state: 'w', update: 'z' }])).toThrow('not computed by any node')
  })
  it('sees readers behind a view', () => {
    const b = new GraphBuilder()
    const w = b.parameter('w', [2, 2])
    const flat = reshape(w, [4])
    b.output('w.next', mul(w, 2))
    b.output('norm', reduceSumSquare(flat))
    expect(() => assertSafeAliasing(lower(b.build(), train), pairs)).toThrow('ReduceSumSquare')
  })
})

describe('the ONNX codec', () => {
  it('keeps every part of a model, also when read from a Buffer', () => {
    const { b, loss, parameters } = encoderLayers(1)
    b.output('loss', loss)
    gradients(loss, parameters).forEach((dx, i) => {
      b.output(`d${i}`, dx)
    })
    const model = { ...lower(b.build(), train), metadata: { license: 'Apache-2.0' } }
    const bytes = encodeOnnx(model)
    const read = decodeOnnx(Buffer.from(bytes))
    expect(encodeOnnx(read)).toEqual(bytes)
    expect({ ...read, graph: { ...read.graph, nodes: [] } }).toEqual({ ...model, graph: { ...model.graph, nodes: [] } })
    expect(read.graph.nodes.map((n) => [n.name, n.opType, n.inputs, n.outputs])).toEqual(
      model.graph.nodes.map((n) => [n.name, n.opType, n.inputs, n.outputs]),
    )
  })
  it('refuses what is not ONNX', () => {
    const whole = encodeOnnx(lower(encoderLayers(1).b.build(), train))
    expect(() => decodeOnnx(new TextEncoder().encode('text,label\nhello,1\n'))).toThrow(GraphError)
    expect(() => decodeOnnx(new Uint8Array(0))).toThrow('it holds no graph')
    expect(() => decodeOnnx(whole.subarray(0, whole.length - 5))).toThrow('not an ONNX file')
  })
})
