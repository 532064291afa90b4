import * as ort from 'onnxruntime-node'
import { describe, expect, it } from 'vitest'
import { encodeOnnx } from '../onnx/codec.js'
import { lower } from '../onnx/lower.js'
import type { OnnxModel } from '../onnx/model.js'
import { random } from '../testing/array.js'
import { cnn, encoder, mlp, recurrent, type SmallModel } from '../testing/models.js'
import { runner } from '../testing/run.js'
import { cosine } from '../testing/similarity.js'
import { quantiseDynamic } from './dynamic-int8.js'
import { foldConstants } from './fold-constants.js'
import { packBlocks, quantiseWeightsTo4Bit } from './four-bit.js'
import { fuseForInference } from './inference-fusions.js'
import { int8Columns } from './int8-weights.js'
import { printReport } from './report.js'

const run = runner(ort)

const lowered = ({ graph, weights }: SmallModel): OnnxModel =>
  foldConstants(lower(fuseForInference(graph).graph, { opset: 18, provider: 'cpu', mode: 'infer' }, weights)).model

const opsOf = ({ graph }: OnnxModel) => graph.nodes.map((node) => node.opType)

async function similarity(model: SmallModel, before: OnnxModel, after: OnnxModel): Promise<number> {
  const [found, expected] = [await run(after, model.feeds), await run(before, model.feeds)]
  expect(found['y']!.dims).toEqual(expected['y']!.dims)
  return cosine(found['y']!.data, expected['y']!.data)
}

const models = [
  ['mlp', mlp()],
  ['encoder', encoder(64)],
  ['cnn', cnn()],
  ['recurrent', recurrent()],
] as const

describe('quantiseDynamic', () => {
  it.each(models)('keeps the direction of what a %s gives to 0.999', async (_name, model) => {
    const before = lowered(model)
    const { model: after, report } = quantiseDynamic(before, { smallest: 0 })
    expect(report.customOps).toEqual([])
    expect(report.places.some(({ applied }) => applied)).toBe(true)
    expect(await similarity(model, before, after)).toBeGreaterThan(0.999)
    expect(encodeOnnx(after).length).toBeLessThan(encodeOnnx(before).length)
  })

  it('quantises what several products read once', () => {
    const { model } = quantiseDynamic(lowered(encoder(64)), { smallest: 0 })
    // The input of query, key and value; that of the attention's output; those of the two layers after it.
    expect(opsOf(model).filter((op) => op === 'DynamicQuantizeLinear')).toHaveLength(4)
    expect(opsOf(model).filter((op) => op === 'MatMulInteger')).toHaveLength(6)
  })

  it('says what it leaves and why', () => {
    const { report } = quantiseDynamic(lowered(cnn()), { keep: (node) => node.opType === 'Gemm' })
    expect(printReport(report).replaceAll(/_\d+/g, '')).toBe(
      [
        'dynamic INT8: applied 0 times, 3 times not',
        '- Conv first/Conv: convolutions are covered by static INT8',
        '- Conv second/Conv: convolutions are covered by static INT8',
        '- Gemm Gemm: asked to keep',
        '',
      ].join('\n'),
    )
  })

  it('rounds each column by its own scale, to half of it at most', () => {
    const data = Float32Array.from(random([6, 4]).data, (v, i) => v * 10 ** (i % 4))
    for (const transposed of [false, true]) {
      const { q, scales } = int8Columns({ data, K: transposed ? 4 : 6, N: transposed ? 6 : 4, transposed })
      const [K, N] = transposed ? [4, 6] : [6, 4]
      for (let k = 0; k < K; k++)
        for (let n = 0; n < N; n++) {
          const w = data[transposed ? n * K + k : k * N + n]!
          expect(Math.abs(q[k * N + n]! * scales[n]! - w)).toBeLessThanOrEqual(scales[n]! * 0.5001)
        }
    }
  })
})

describe('quantiseWeightsTo4Bit', () => {
  it.each(models)('keeps the direction of what a %s gives to 0.98', async (_name, model) => {
    const before = lowered(model)
    const { model: after, report } = quantiseWeightsTo4Bit(before, { smallest: 0 })
    expect(report.customOps).toEqual(['com.microsoft.MatMulNBits'])
    expect(await similarity(model, before, after)).toBeGreaterThan(0.98)
  })

  it('is exact for weights on the grid, also where the last block is short', async () => {
    const K = 40
    // Column 0 from -2 to 1.75, column 1 from -1.75 to 2.
    const data = Float32Array.from({ length: K * 2 }, (_, i) => ((((i >> 1) * 7) % 16) - 8) * (i % 2 ? -0.25 : 0.25))
    const { packed, scales } = packBlocks({ data, K, N: 2, transposed: false })
    const at = (k: number, n: number) => {
      const i = (n * 2 + Math.floor(k / 32)) * 32 + (k % 32)
      return (((packed[i >> 1]! >> (i % 2 === 0 ? 0 : 4)) & 15) - 8) * scales[n * 2 + Math.floor(k / 32)]!
    }
    for (let k = 0; k < K; k++) for (const n of [0, 1]) expect(at(k, n)).toBeCloseTo(data[k * 2 + n]!, 6)
  })
})
