import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as ort from 'onnxruntime-node'
import { describe, expect, it } from 'vitest'
import { decodeOnnx, encodeOnnx } from '../onnx/codec.js'
import { lower } from '../onnx/lower.js'
import type { OnnxModel } from '../onnx/model.js'
import { tensorOf } from '../tensor.js'
import { random } from '../testing/array.js'
import { cnn, encoder, mlp, recurrent, type SmallModel } from '../testing/models.js'
import { runner } from '../testing/run.js'
import { cosine } from '../testing/similarity.js'
import { Calibration } from './calibration.js'
import { foldConstants } from './fold-constants.js'
import { fuseForInference } from './inference-fusions.js'
import { Observer, type RangeMethod } from './observer.js'
import { quantiseStatic } from './static-int8.js'

const run = runner(ort)

const lowered = ({ graph, weights }: SmallModel): OnnxModel =>
  foldConstants(lower(fuseForInference(graph).graph, { opset: 18, provider: 'cpu', mode: 'infer' }, weights)).model

/** Calibrates on four batches like the model's own. */
async function calibrated(model: OnnxModel, { feeds }: SmallModel): Promise<Calibration> {
  const calibration = new Calibration(model)
  for (let i = 0; i < 4; i++) {
    const found = await run(calibration.model, {
      ...feeds,
      x: i === 0 ? feeds['x']! : random(feeds['x']!.dims, 20 + i),
    })
    const tensors = Object.entries(found).map(
      ([name, { dims, data }]) => [name, tensorOf('float32', dims, data)] as const,
    )
    calibration.add(Object.fromEntries(tensors))
  }
  return calibration
}

describe('quantiseStatic', () => {
  const methods: RangeMethod[] = ['minMax', { percentile: 99.99 }]
  it.each([
    ['mlp', mlp()],
    ['encoder', encoder(64)],
    ['cnn', cnn()],
    ['recurrent', recurrent()],
  ] as const)('keeps the direction of what a %s gives to 0.998', async (_name, model) => {
    const before = lowered(model)
    const calibration = await calibrated(before, model)
    for (const method of methods) {
      const { model: after, report } = quantiseStatic(before, calibration.ranges(method), { smallest: 0 })
      expect(report.customOps).toEqual(['com.microsoft.MatMulIntegerToFloat'])
      expect(report.places.some(({ applied }) => applied)).toBe(true)
      const [found, expected] = [(await run(after, model.feeds))['y']!, (await run(before, model.feeds))['y']!]
      expect(cosine(found.data, expected.data)).toBeGreaterThan(0.998)
    }
  })

  it('becomes whole-number kernels in the runtime', async () => {
    const before = lowered(cnn())
    const { model } = quantiseStatic(before, (await calibrated(before, cnn())).ranges(), { smallest: 0 })
    const folder = await mkdtemp(join(tmpdir(), 'volant-int8-'))
    try {
      const optimizedModelFilePath = join(folder, 'optimised.onnx')
      const session = await ort.InferenceSession.create(encodeOnnx(model), {
        optimizedModelFilePath,
        logSeverityLevel: 3,
      })
      await session.release()
      const ops = decodeOnnx(await readFile(optimizedModelFilePath)).graph.nodes.map((node) => node.opType)
      expect(ops.filter((op) => op === 'QLinearConv')).toHaveLength(2)
      expect(ops).not.toContain('Conv')
      expect(ops).toContain('MatMulIntegerToFloat')
      expect(ops).not.toContain('Relu')
    } finally {
      await rm(folder, { recursive: true })
    }
  })

  it('says for what it has no range', () => {
    const { report } = quantiseStatic(lowered(cnn()), new Map(), { smallest: 0 })
    expect(report.places.map(({ applied }) => applied)).toEqual([false, false, false])
    expect(report.places[0]!.what).toBe('no range is known for "x"')
  })

  it('asks for examples before ranges', () => {
    expect(() => new Calibration(lowered(mlp())).ranges()).toThrow('has seen no run yet')
    expect(() => new Calibration(lowered(mlp())).add({})).toThrow('needs the output "observed:')
  })
})

describe('Observer', () => {
  const normal = (n: number) =>
    Float32Array.from({ length: n }, (_, i) => {
      const u = (i + 0.5) / n
      return Math.sign(u - 0.5) * Math.sqrt(-Math.log(1 - Math.abs(2 * u - 1)))
    })

  it('remembers the outermost numbers, over several runs, and 0', () => {
    const observer = new Observer()
    observer.add(Float32Array.of(1, 3))
    observer.add(Float32Array.of(-2, 2, Number.NaN, Number.POSITIVE_INFINITY))
    expect(observer.range()).toEqual({ low: -2, high: 3 })
  })

  it.each([['entropy'], [{ percentile: 99.9 }]] as RangeMethod[][])('leaves an outlier out by %o', (method) => {
    const observer = new Observer()
    observer.add(normal(20_000))
    observer.add(Float32Array.of(100))
    const { low, high } = observer.range(method)
    expect(high).toBeLessThan(20)
    expect(high).toBeGreaterThan(1.5)
    expect(low).toBeLessThan(-1.5)
  })

  it('keeps all of an even distribution by entropy', () => {
    const observer = new Observer()
    observer.add(Float32Array.from({ length: 50_000 }, (_, i) => (i / 25_000 - 1) * 2))
    const { low, high } = observer.range('entropy')
    expect(high).toBeGreaterThan(1.9)
    expect(low).toBeLessThan(-1.9)
  })
})
