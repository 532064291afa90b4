import type { OnnxNode } from '../onnx/model.js'
import type { Tensor } from '../tensor.js'
import { numberOf, type OnnxRewriter } from './onnx-rewriter.js'

/** A matrix product with a fixed right-hand side: scale · x [.., K] @ weight [K, N] + bias [N]. */
export interface WeightProduct {
  readonly x: string
  /** Name of the weight in the file. */
  readonly name: string
  readonly weight: Matrix
  readonly scale: number
  /** Fixed bias, its factor applied. */
  readonly bias: Float32Array | undefined
}

/** K x N numbers; `transposed` says that they lie in memory as N x K. */
export interface Matrix {
  readonly data: Float32Array
  readonly K: number
  readonly N: number
  readonly transposed: boolean
}

/** Which products weight compression looks at. */
export interface WhichProducts {
  /** Products it should leave alone. */
  readonly keep?: (node: OnnxNode) => boolean
  /** Fewest numbers a weight must have; default 4,096, since small heads gain nothing and lose most. */
  readonly smallest?: number
}

/** Reads a Gemm or MatMul with a fixed weight; a sentence when it is none that can be compressed. */
export function weightProduct(node: OnnxNode, rewriter: OnnxRewriter, which: WhichProducts): WeightProduct | string {
  const [x, w, c] = node.inputs as [string, string, string?]
  const tensor = rewriter.constant(w)
  if (which.keep?.(node)) return 'asked to keep'
  if (!tensor) return 'the right-hand side is no fixed weight'
  if (tensor.dtype !== 'float32' || tensor.dims.length !== 2) return `the weight is ${described(tensor)}`
  if (numberOf(node, 'transA', 0) === 1) return 'the left-hand side is transposed'
  const smallest = which.smallest ?? 4096
  if (tensor.data.length < smallest) return `${tensor.data.length} weights are fewer than ${smallest}`
  const transposed = numberOf(node, 'transB', 0) === 1
  const [rows, columns] = tensor.dims as [number, number]
  const [K, N] = transposed ? [columns, rows] : [rows, columns]
  const weight = { data: tensor.data as Float32Array, K, N, transposed }
  const product = { x, name: w, weight, scale: numberOf(node, 'alpha', 1) }
  if (!c) return { ...product, bias: undefined }
  const bias = rewriter.constant(c)
  if (bias?.dtype !== 'float32' || bias.data.length !== N) return 'the bias is no fixed vector'
  const beta = numberOf(node, 'beta', 1)
  return { ...product, bias: (bias.data as Float32Array).map((v) => v * beta) }
}

export const isProduct = (node: OnnxNode): boolean =>
  node.domain === '' && (node.opType === 'Gemm' || node.opType === 'MatMul')

const described = ({ dtype, dims }: Tensor) => `${dtype} [${dims.join(', ')}], expected a float32 matrix`

/** Element (k, n) at `data[k * strides[0] + n * strides[1]]`. */
export const stridesOf = ({ K, N, transposed }: Matrix): readonly [number, number] => (transposed ? [1, K] : [N, 1])
