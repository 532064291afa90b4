import { fileURLToPath } from 'node:url'
import { encodeOnnx, GraphBuilder, lower, mul, tensorOf, type Value } from '@volant/graph'
import * as ort from 'onnxruntime-web'
import { build, type Rolldown } from 'vite'
import { afterEach, describe, expect, it } from 'vitest'
import { crossEntropy } from '../index.js'
import type { Context } from '../modules/context.js'
import { EmbeddingBag } from '../modules/embedding.js'
import { Linear } from '../modules/linear.js'
import { Module } from '../modules/module.js'
import { adamW } from '../optimisers/optimisers.js'
import { constant } from '../optimisers/schedules.js'
import type { TrainSettings } from '../trainer/settings.js'
import { train } from '../trainer/train.js'
import type { Runtime } from './interface.js'
import type { Program } from './program.js'
import { createRuntime as createWebRuntime, openSession } from './web.js'

/** A table of 3,000 rows, of which those in use are updated, and a layer over it. */
class Bag extends Module<[Value, Value]> {
  words = new EmbeddingBag(3000, 4)
  head = new Linear(4, 2)

  protected forward(context: Context, ids: Value, weights: Value): Value {
    return this.head.apply(context, this.words.apply(context, ids, weights))
  }
}

function settings(accumulate: number): TrainSettings {
  const model = new Bag()
  return {
    model,
    inputs: {
      ids: { dtype: 'int64', shape: ['B', 3] },
      weights: { dtype: 'float32', shape: ['B', 3] },
      label: { dtype: 'int64', shape: ['B'] },
    },
    loss: (context, { ids, weights, label }) => crossEntropy(model.apply(context, ids!, weights!), label!),
    data: {
      rows: 40,
      batch: (rows) => ({
        ids: {
          dtype: 'int64',
          dims: [rows.length, 3],
          data: BigInt64Array.from([...rows].flatMap((row) => [row, 100 + (row % 2), 2999].map(BigInt))),
        },
        weights: { dtype: 'float32', dims: [rows.length, 3], data: new Float32Array(3 * rows.length).fill(1) },
        label: { dtype: 'int64', dims: [rows.length], data: BigInt64Array.from(rows, (row) => BigInt(row % 2)) },
      }),
    },
    batchSize: 8,
    accumulate,
    epochs: 4,
    optimiser: adamW({ weightDecay: 0.01 }),
    schedule: constant(0.01),
    clip: 1,
    seed: 3,
  }
}

const double = (): Program => {
  const builder = new GraphBuilder('double')
  builder.output('y', mul(builder.input('x', 'float32', ['N']), 2))
  const model = encodeOnnx(lower(builder.build(), { opset: 18, provider: 'cpu', mode: 'infer' }))
  return { model, state: [], updates: [], tables: [], results: ['y'], clear: [], sums: [], training: false }
}
const x = () => ({ x: tensorOf('float32', [2], [1, 2]) })

let runtime: Runtime
afterEach(() => runtime?.release())

describe('the runtime over onnxruntime-web', () => {
  it.each([1, 2])('trains to the weights of the one for Node, also rows of tables (accumulate %d)', async (batches) => {
    runtime = createWebRuntime({ on: ort })
    const web = await train({ ...settings(batches), runtime })
    const node = await train({ ...settings(batches), threads: 1 })
    expect(node.history.at(-1)!.loss).toBeLessThan(node.history[0]!.loss)
    expect([...web.parameters.keys()]).toEqual([...node.parameters.keys()])
    for (const [path, { data }] of node.parameters) {
      const found = web.parameters.get(path)!.data
      const differences = Array.from(data as Float32Array, (weight, i) => Math.abs(weight - Number(found[i])))
      const largest = Math.max(...differences)
      expect(largest, path).toBeLessThan(1e-5)
    }
  })

  it('does what is asked for at the same time in order, and refuses all after its release', async () => {
    runtime = createWebRuntime({ on: ort })
    const [, first, second] = await Promise.all([
      runtime.load('double', double()),
      runtime.step('double', x()),
      runtime.step('double', x()),
    ])
    expect([...first!['y']!.data, ...second!['y']!.data]).toEqual([2, 4, 2, 4])
    const under = runtime.step('double', x())
    await Promise.all([expect(under).rejects.toMatchObject({ code: 'released' }), runtime.release()])
    await expect(runtime.read()).rejects.toMatchObject({ code: 'released' })
    await runtime.release()
  })

  it('refuses devices that are unknown or not there, broken models and wrong feeds', async () => {
    const { model } = double()
    await expect(openSession(ort, model, { device: 'cuda' as never })).rejects.toThrow(
      'There is no device "cuda" in browsers; known are wasm, webgpu; present: wasm',
    )
    await expect(openSession(ort, model, { device: 'webgpu' })).rejects.toMatchObject({ code: 'absent-device' })
    await expect(openSession(ort, Uint8Array.of(1, 2, 3))).rejects.toMatchObject({ code: 'bad-model' })
    const session = await openSession(ort, model)
    const answers = await Promise.all([session.run(x()), session.run(x())])
    expect(answers.map(({ y }) => [...y!.data])).toEqual([
      [2, 4],
      [2, 4],
    ])
    await expect(session.run({})).rejects.toThrow('Input "x": expected float32 [N], found nothing')
    await session.release()
    await expect(session.run(x())).rejects.toMatchObject({ code: 'released' })
  })
})

describe('the bundle of both doors for browsers', () => {
  it('holds nothing of Node', async () => {
    const doors = ['../index.ts', '../web.ts'].map((file) => fileURLToPath(new URL(file, import.meta.url)))
    const warnings: string[] = []
    const results = (await build({
      configFile: false,
      logLevel: 'silent',
      resolve: { conditions: ['source', 'module', 'browser', 'import', 'default'] },
      build: {
        write: false,
        minify: false,
        lib: { entry: doors, formats: ['es'] },
        rolldownOptions: { external: [/^node:/], onwarn: ({ message }) => void warnings.push(message) },
      },
    })) as Rolldown.RolldownOutput[]
    const chunks = results.flatMap(({ output }) => output.filter((part) => part.type === 'chunk'))
    const names = chunks.flatMap(({ exports }) => exports)
    expect(names).toEqual(expect.arrayContaining(['train', 'GPT', 'createRuntime', 'serveRuntime'])) // both are in
    expect(chunks.flatMap(({ imports, dynamicImports }) => [...imports, ...dynamicImports]).filter(isForeign)).toEqual(
      [],
    )
    const code = chunks.map((chunk) => chunk.code).join('\n')
    const ofNode = /.*(["']node:|\bBuffer\.|\b__dirname\b|\brequire\(|browser-external|onnxruntime-node["']|koffi).*/g
    expect([...code.matchAll(ofNode)].map(([line]) => line)).toEqual([])
    expect(warnings.filter((message) => message.includes('externalized'))).toEqual([])
  })

  it('refuses by name what needs Node, and says what to do instead', async () => {
    const browser = await import('../platform/browser.js')
    const needsNode = expect.objectContaining({ code: 'needs-node' })
    expect(() => new browser.Thread('runtime')).toThrow(
      'A runtime thread needs Node; in a browser make a runtime with createRuntime of @volant/nn/web, and pass it to train as `runtime`',
    )
    for (const ask of [browser.presentDevices, browser.loadMpi, () => browser.hashOf([])])
      expect(ask).toThrow(needsNode)
    await browser.turn()
  })
})

/** Not a chunk of the same bundle. */
const isForeign = (name: string) => !/^[\w.-]+\.m?js$/.test(name)
