import { elementTypes } from '../onnx/emitter.js'
import type { OnnxModel, OnnxNode } from '../onnx/model.js'
import { int8Columns } from './int8-weights.js'
import { OnnxRewriter, type PassedModel } from './onnx-rewriter.js'
import { isProduct, type WeightProduct, type WhichProducts, weightProduct } from './products.js'

/** 7 bits keep a sum of two products within 16 bits, which x64 processors without VNNI need; on others it costs accuracy. */
export interface DynamicInt8Options extends WhichProducts {
  readonly bits?: 7 | 8
}

/** What quantising an activation gives: whole numbers, their scale and their zero. */
type QuantisedInput = readonly [q: string, scale: string, zero: string]

/**
 * Products with fixed weights in 8-bit whole numbers: weights once, symmetric and one scale a column; activations at each run,
 * one scale a tensor. x ≈ s (q - z) gives x W ≈ s t_n Σ (q - z) w. Standard ops (DynamicQuantizeLinear, MatMulInteger),
 * which ONNX Runtime fuses by itself; activations read by several products are quantised once.
 *
 * Works on ONNX models, because only there composite ops such as feedForward have fallen apart into their products.
 */
export function quantiseDynamic(model: OnnxModel, options: DynamicInt8Options = {}): PassedModel {
  const rewriter = new OnnxRewriter(model, 'dynamic INT8')
  const weights = new Map<string, { q: string; scales: string }>()
  const inputs = new Map<string, QuantisedInput>()
  for (const node of model.graph.nodes) {
    if (!isProduct(node)) {
      if (notCovered.has(node.opType)) rewriter.skip(node, notCovered.get(node.opType)!)
      else rewriter.keep(node)
      continue
    }
    const product = weightProduct(node, rewriter, options)
    if (typeof product === 'string') rewriter.skip(node, product)
    else {
      const weight = weights.get(weightKey(product)) ?? addWeight(rewriter, product, options.bits === 7 ? 63 : 127)
      weights.set(weightKey(product), weight)
      const input = inputs.get(product.x) ?? quantiseInput(rewriter, node, product.x)
      inputs.set(product.x, input)
      replace(rewriter, node, product, weight, input)
    }
  }
  return rewriter.finish()
}

const notCovered = new Map([
  ['Conv', 'convolutions are covered by static INT8'],
  ['LSTM', 'recurrent layers keep float32'],
  ['GRU', 'recurrent layers keep float32'],
  ['Scan', 'bodies of loops keep float32'],
])

const weightKey = ({ name, weight, scale }: WeightProduct) => `${name}|${weight.transposed}|${scale}`

function addWeight(rewriter: OnnxRewriter, { name, weight, scale }: WeightProduct, largest: number) {
  const { K, N } = weight
  const { q, scales } = int8Columns(weight, largest)
  return {
    q: rewriter.tensor({ dtype: 'int8', dims: [K, N], data: q }, `${name}:int8`),
    scales: rewriter.tensor({ dtype: 'float32', dims: [N], data: scales.map((s) => s * scale) }, `${name}:scales`),
  }
}

function quantiseInput(rewriter: OnnxRewriter, node: OnnxNode, x: string): QuantisedInput {
  rewriter.emit(node, 'DynamicQuantizeLinear', [x], { outputs: 3 })
  return rewriter.nodes.at(-1)!.outputs as unknown as QuantisedInput
}

function replace(
  rewriter: OnnxRewriter,
  node: OnnxNode,
  { name, weight: { K, N }, bias }: WeightProduct,
  weight: { q: string; scales: string },
  [q, scale, zero]: QuantisedInput,
): void {
  const output = node.outputs[0]!
  const sums = rewriter.emit(node, 'MatMulInteger', [q, weight.q, zero])
  const sumsAsFloat = rewriter.emit(node, 'Cast', [sums], {
    attributes: { to: { kind: 'int', value: elementTypes.float32 } },
  })
  const scales = rewriter.emit(node, 'Mul', [scale, weight.scales])
  const product = rewriter.emit(node, 'Mul', [sumsAsFloat, scales], bias ? {} : { output })
  if (bias) {
    const added = rewriter.tensor({ dtype: 'float32', dims: [N], data: bias }, `${node.name}:bias`)
    rewriter.emit(node, 'Add', [product, added], { output })
  }
  rewriter.applied(node, `${K} x ${N} weights of ${name} as int8, one scale a column`)
}
