import type { OnnxAttribute, OnnxModel, OnnxNode } from '../onnx/model.js'
import type { Tensor } from '../tensor.js'
import { OnnxRewriter, type PassedModel } from './onnx-rewriter.js'
import { isProduct, type Matrix, stridesOf, type WeightProduct, type WhichProducts, weightProduct } from './products.js'

/** Numbers of a column that share one scale. */
export const FOUR_BIT_BLOCK = 32
const block = FOUR_BIT_BLOCK

/** A 4-bit number stands for q - 8, from -8 to 7. */
const zero = 8

/** Factors of the plain scale that are tried for each block. */
const trials = [1, 0.96, 0.92, 0.88, 0.84, 0.8]

/**
 * Products with fixed weights in 4-bit numbers: 32 numbers of a column share one scale; activations stay float32. A sixth of
 * the size, no gain in speed on CPUs. Of each block the number of largest size becomes -8, and of several scales the one of
 * least square error is taken. Needs ONNX Runtime's MatMulNBits (com.microsoft), since the standard has no such op.
 *
 * Works on ONNX models, because only there composite ops such as feedForward have fallen apart into their products.
 */
export function quantiseWeightsTo4Bit(model: OnnxModel, which: WhichProducts = {}): PassedModel {
  const rewriter = new OnnxRewriter(model, '4-bit weights')
  for (const node of model.graph.nodes) {
    if (!isProduct(node)) {
      rewriter.keep(node)
      continue
    }
    const product = weightProduct(node, rewriter, which)
    if (typeof product === 'string') rewriter.skip(node, product)
    else replace(rewriter, node, product)
  }
  return rewriter.finish()
}

function replace(rewriter: OnnxRewriter, node: OnnxNode, { x, name, weight, scale, bias }: WeightProduct): void {
  const { K, N } = weight
  const blocks = Math.ceil(K / block)
  const { packed, scales } = packBlocks(weight)
  const inputs = [
    x,
    rewriter.tensor({ dtype: 'uint8', dims: [N, blocks, block / 2], data: packed }, `${name}:4bit`),
    rewriter.tensor({ dtype: 'float32', dims: [N * blocks], data: scales.map((s) => s * scale) }, `${name}:scales`),
  ]
  const int = (value: number): OnnxAttribute => ({ kind: 'int', value })
  const attributes = { K: int(K), N: int(N), bits: int(4), block_size: int(block) }
  const output = node.outputs[0]!
  if (bias) {
    const product = rewriter.emit(node, 'MatMulNBits', inputs, { domain: 'com.microsoft', attributes })
    const added = rewriter.tensor({ dtype: 'float32', dims: [N], data: bias }, `${node.name}:bias`)
    rewriter.emit(node, 'Add', [product, added], { output })
  } else rewriter.emit(node, 'MatMulNBits', inputs, { domain: 'com.microsoft', attributes, output })
  rewriter.applied(node, `${K} x ${N} weights of ${name} in 4 bits, blocks of ${block}`)
}

/** Column by column, block by block; two numbers a byte, the first in the low half. */
export function packBlocks(weight: Matrix): { packed: Uint8Array; scales: Float32Array } {
  const { data, K, N } = weight
  const [rowStride, columnStride] = stridesOf(weight)
  const blocks = Math.ceil(K / block)
  const scales = new Float32Array(N * blocks)
  const packed = new Uint8Array((N * blocks * block) / 2)
  const values = new Float32Array(block)
  for (let n = 0, at = 0; n < N; n++)
    for (let first = 0; first < K; first += block, at++) {
      for (let i = 0; i < block; i++) values[i] = first + i < K ? data[(first + i) * rowStride + n * columnStride]! : 0
      const scale = scaleOf(values)
      scales[at] = scale
      const inverse = scale === 0 ? 0 : 1 / scale
      for (let i = 0; i < block; i += 2)
        packed[(at * block + i) >> 1] = quantised(values[i]!, inverse) | (quantised(values[i + 1]!, inverse) << 4)
    }
  return { packed, scales }
}

/** From 0 to 15, of which 8 stands for 0. */
const quantised = (value: number, inverse: number): number => {
  const q = (value * inverse + (zero + 0.5)) | 0
  return q > 15 ? 15 : Math.max(q, 0)
}

/** The scale of least square error: signed, so that the number of largest size falls on -8, where there is most room. */
function scaleOf(values: Float32Array): number {
  let peak = 0
  for (let i = 0; i < block; i++) if (Math.abs(values[i]!) > Math.abs(peak)) peak = values[i]!
  if (peak === 0) return 0
  let [scale, least] = [peak / -zero, Number.POSITIVE_INFINITY]
  for (const factor of trials) {
    const candidate = Math.fround((peak / -zero) * factor)
    const inverse = 1 / candidate
    let error = 0
    for (let i = 0; i < block; i++) {
      const value = values[i]!
      const missed = value - candidate * (quantised(value, inverse) - zero)
      error += missed * missed
    }
    if (error < least) {
      scale = candidate
      least = error
    }
  }
  return scale
}

/**
 * A matrix in 4-bit numbers, 32 of a column with one scale, for `linearFourBit`: `weight` [outputs, inputs], as files have linear
 * layers, -> `numbers` uint8 [outputs, blocks, 16] and `scales` float32 [outputs, blocks].
 */
export function packFourBit({ dims, data }: Tensor): { numbers: Tensor; scales: Tensor } {
  const [N, K] = dims as [number, number]
  const { packed, scales } = packBlocks({ data: data as Float32Array, K, N, transposed: true })
  const blocks = Math.ceil(K / block)
  return {
    numbers: { dtype: 'uint8', dims: [N, blocks, block / 2], data: packed },
    scales: { dtype: 'float32', dims: [N, blocks], data: scales },
  }
}
