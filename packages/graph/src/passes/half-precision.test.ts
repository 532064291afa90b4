import * as ort from 'onnxruntime-node'
import { describe, expect, it } from 'vitest'
import { encodeOnnx } from '../onnx/codec.js'
import { lower } from '../onnx/lower.js'
import { cnn, encoder, mlp, recurrent, type SmallModel } from '../testing/models.js'
import { runner } from '../testing/run.js'
import { cosine } from '../testing/similarity.js'
import { foldConstants } from './fold-constants.js'
import { halfBits } from './half-bits.js'
import { convertToHalf } from './half-precision.js'
import { fuseForInference } from './inference-fusions.js'

const run = runner(ort)

const lowered = ({ graph, weights }: SmallModel) =>
  foldConstants(lower(fuseForInference(graph).graph, { opset: 18, provider: 'cpu', mode: 'infer' }, weights)).model

describe('convertToHalf', () => {
  it.each([
    ['mlp', mlp()],
    ['encoder', encoder()],
    ['cnn', cnn()],
    ['recurrent', recurrent()],
  ] as const)('changes what a %s gives by 4 thousandths of the largest at most', async (_name, model) => {
    const before = lowered(model)
    const { model: after, report } = convertToHalf(before)
    const [found, expected] = [(await run(after, model.feeds))['y']!, (await run(before, model.feeds))['y']!]
    expect(cosine(found.data, expected.data)).toBeGreaterThan(0.99999)
    const largest = Math.max(...expected.data.map(Math.abs))
    for (const [i, v] of found.data.entries()) expect(Math.abs(v - expected.data[i]!)).toBeLessThan(4e-3 * largest)
    expect(after.graph.inputs).toEqual(before.graph.inputs)
    expect(after.graph.outputs).toEqual(before.graph.outputs)
    expect(report.places.some(({ applied }) => applied)).toBe(true)
  })

  it('halves the file, and keeps softmax and normalisations in float32', () => {
    const before = lowered(encoder(128))
    const { model, report } = convertToHalf(before)
    expect(encodeOnnx(model).length / encodeOnnx(before).length).toBeLessThan(0.55)
    const kept = new Set(report.places.filter(({ applied }) => !applied).map(({ op }) => op))
    expect(kept).toEqual(new Set(['Softmax', 'LayerNormalization', 'Erf']))
  })
})

describe('halfBits', () => {
  it.each([
    [0, 0x0000],
    [-0, 0x8000],
    [1, 0x3c00],
    [-2, 0xc000],
    [65504, 0x7bff],
    [1e9, 0x7bff],
    [-1e9, 0xfbff],
    [2 ** -14, 0x0400],
    [2 ** -24, 0x0001],
    [2 ** -25, 0x0000], // a tie, to even
    [3 * 2 ** -25, 0x0002],
    [1 + 2 ** -11, 0x3c00],
    [1 + 3 * 2 ** -11, 0x3c02],
    [2 - 2 ** -12, 0x4000], // carries into the exponent
    [Number.NaN, 0x7e00],
  ])('of %d are %i', (value, bits) => {
    expect(halfBits(Float32Array.of(value))[0]).toBe(bits)
  })
})
