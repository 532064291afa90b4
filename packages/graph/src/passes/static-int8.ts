import type { OnnxAttribute, OnnxModel, OnnxNode } from '../onnx/model.js'
import { elementCount, type Tensor } from '../tensor.js'
import { int8Columns } from './int8-weights.js'
import type { Range } from './observer.js'
import { OnnxRewriter, type PassedModel, readCounts } from './onnx-rewriter.js'
import { isProduct, type Matrix, type WhichProducts, weightProduct } from './products.js'

/** These pass numbers on as they are, so their output has the scale of their input. */
const passing: ReadonlySet<string> = new Set('MaxPool Reshape Flatten Transpose Squeeze Unsqueeze'.split(' '))

/**
 * Products and convolutions with fixed weights in 8-bit whole numbers, activations too, by ranges known beforehand (from a
 * `Calibration`). Weights are symmetric with one scale an output, activations go from their lowest to their highest number.
 * Convolutions are written as QuantizeLinear and DequantizeLinear around the float32 op, which ONNX Runtime turns into its
 * whole-number kernel; products, for which it does not, as its own op MatMulIntegerToFloat (com.microsoft). The way for
 * convolutions; wrong where real inputs leave the ranges.
 *
 * Works on ONNX models, because only there composite ops have fallen apart; run `fuseForInference` before, so that batch norm
 * is in the weights.
 */
export function quantiseStatic(
  model: OnnxModel,
  ranges: ReadonlyMap<string, Range>,
  which: WhichProducts = {},
): PassedModel {
  const rewriter = new OnnxRewriter(model, 'static INT8')
  const values = new QuantisedValues(rewriter, ranges)
  const counts = readCounts(model)
  const readers = new Map(model.graph.nodes.flatMap((node) => node.inputs.map((name) => [name, node] as const)))
  /** Outputs of convolutions that are quantised after the Relu that follows. */
  const beforeRelu = new Set<string>()
  for (const node of model.graph.nodes) {
    const output = node.outputs[0]!
    if (node.opType === 'Conv') {
      const why = quantiseConv(rewriter, values, node, which, (written) => {
        const onlyReader = counts.get(output) === 1 ? readers.get(output) : undefined
        if (onlyReader?.opType !== 'Relu' || !ranges.has(onlyReader.outputs[0]!)) values.write(written)
        else {
          beforeRelu.add(output)
          rewriter.keep(written)
        }
      })
      if (why) rewriter.skip(node, why)
    } else if (isProduct(node)) {
      const why = quantiseProduct(rewriter, values, node, which)
      if (why) rewriter.skip(node, why)
    } else if (node.opType === 'Relu' && beforeRelu.has(node.inputs[0]!)) values.write(node)
    else if (passing.has(node.opType)) values.pass(node)
    else rewriter.keep(node)
  }
  return rewriter.finish()
}

interface Scale {
  readonly scale: number
  /** Names in the file. */
  readonly names: readonly [scale: string, zero: string]
}

/** Activations with the quantised twins they are read from. */
class QuantisedValues {
  readonly #scales = new Map<string, Scale>()
  readonly #whole = new Map<string, string>()
  readonly #twins = new Map<string, string>()

  constructor(
    readonly rewriter: OnnxRewriter,
    readonly ranges: ReadonlyMap<string, Range>,
  ) {}

  scaleOf(name: string): Scale | undefined {
    const known = this.#scales.get(name)
    const range = this.ranges.get(name)
    if (known || !range) return known
    // 0 must be a whole number, since padding is made of it.
    const [low, high] = [Math.min(range.low, 0), Math.max(range.high, 0)]
    const scale = Math.fround(high > low ? (high - low) / 255 : 1)
    const zero = Math.min(255, Math.max(0, Math.round(-low / scale)))
    const tensor = (t: Tensor, what: string) => this.rewriter.tensor(t, `${name}:${what}`)
    const names = [
      tensor({ dtype: 'float32', dims: [], data: Float32Array.of(scale) }, 'scale'),
      tensor({ dtype: 'uint8', dims: [], data: Uint8Array.of(zero) }, 'zero'),
    ] as const
    this.#scales.set(name, { scale, names })
    return { scale, names }
  }

  /** A value's whole numbers; `scaleOf` must know it. */
  quantised(near: OnnxNode, name: string): string {
    const known = this.#whole.get(name)
    if (known) return known
    const q = this.rewriter.emit(near, 'QuantizeLinear', [name, ...this.scaleOf(name)!.names])
    this.#whole.set(name, q)
    return q
  }

  /** The float32 numbers that its whole numbers stand for. */
  read(near: OnnxNode, name: string): string {
    const known = this.#twins.get(name)
    if (known) return known
    const inputs = [this.quantised(near, name), ...this.scaleOf(name)!.names]
    const twin = this.rewriter.emit(near, 'DequantizeLinear', inputs)
    this.#twins.set(name, twin)
    return twin
  }

  /** Appends a node whose output everybody reads through 8 bits; as it is where its range is not known. */
  write(node: OnnxNode): void {
    const name = node.outputs[0]!
    if (!this.scaleOf(name)) {
      this.rewriter.keep(node)
      return
    }
    const { names } = this.scaleOf(name)!
    const exact = this.rewriter.fresh(`${name}:exact`)
    this.rewriter.keep({ ...node, outputs: [exact, ...node.outputs.slice(1)] })
    const q = this.rewriter.emit(node, 'QuantizeLinear', [exact, ...names])
    this.rewriter.emit(node, 'DequantizeLinear', [q, ...names], { output: name })
    this.#whole.set(name, q)
    this.#twins.set(name, name)
  }

  /** Appends a node that passes numbers on: what it gives has the scale of what it reads. */
  pass(node: OnnxNode): void {
    const scale = this.#scales.get(node.inputs[0]!)
    if (scale) this.#scales.set(node.outputs[0]!, scale)
    this.rewriter.keep(node)
  }
}

function quantiseProduct(
  rewriter: OnnxRewriter,
  values: QuantisedValues,
  node: OnnxNode,
  which: WhichProducts,
): string | undefined {
  const product = weightProduct(node, rewriter, which)
  if (typeof product === 'string') return product
  const { x, name, weight, scale, bias } = product
  const input = values.scaleOf(x)
  if (!input) return `no range is known for "${x}"`
  const { K, N } = weight
  const { q, scales } = int8Columns(weight)
  const [inputScale, inputZero] = input.names
  const inputs = [
    values.quantised(node, x),
    rewriter.tensor({ dtype: 'int8', dims: [K, N], data: q }, `${name}:int8`),
    inputScale,
    rewriter.tensor({ dtype: 'float32', dims: [N], data: scales.map((s) => s * scale) }, `${name}:scales`),
    inputZero,
  ]
  if (bias) inputs.push('', rewriter.tensor({ dtype: 'float32', dims: [N], data: bias }, `${node.name}:bias`))
  rewriter.emit(node, 'MatMulIntegerToFloat', inputs, { domain: 'com.microsoft', output: node.outputs[0]! })
  rewriter.applied(node, `${K} x ${N} weights of ${name} and "${x}" as 8 bits`)
  return undefined
}

function quantiseConv(
  rewriter: OnnxRewriter,
  values: QuantisedValues,
  node: OnnxNode,
  which: WhichProducts,
  write: (node: OnnxNode) => void,
): string | undefined {
  const [x, name, biasName] = node.inputs as [string, string, string?]
  const weight = rewriter.constant(name)
  const bias = biasName ? rewriter.constant(biasName) : undefined
  if (which.keep?.(node)) return 'asked to keep'
  if (weight?.dtype !== 'float32' || (biasName && bias?.dtype !== 'float32')) return 'its weights are not fixed float32'
  const input = values.scaleOf(x)
  if (!input) return `no range is known for "${x}"`
  const M = weight.dims[0]!
  const filters: Matrix = {
    data: weight.data as Float32Array,
    K: elementCount(weight.dims.slice(1)),
    N: M,
    transposed: true,
  }
  const { q, scales } = int8Columns(filters)
  const turned = new Int8Array(q.length)
  for (let k = 0; k < filters.K; k++) for (let m = 0; m < M; m++) turned[m * filters.K + k] = q[k * M + m]!
  const inputs = [
    values.read(node, x),
    dequantised(rewriter, node, name, { dtype: 'int8', dims: weight.dims, data: turned }, scales),
  ]
  if (bias) {
    const steps = scales.map((s) => s * input.scale)
    // A bias is added to sums of products, so it has their scale.
    const data = Int32Array.from(bias.data as Float32Array, (b, m) => Math.round(b / steps[m]!))
    inputs.push(dequantised(rewriter, node, biasName!, { dtype: 'int32', dims: [M], data }, steps))
  }
  write({ ...node, inputs })
  rewriter.applied(node, `${M} filters of ${name} and "${x}" as 8 bits`)
  return undefined
}

/** A fixed tensor of whole numbers, times its scales, one for each place along the first axis. */
function dequantised(
  rewriter: OnnxRewriter,
  node: OnnxNode,
  name: string,
  whole: Tensor,
  scales: Float32Array,
): string {
  const inputs = [
    rewriter.tensor(whole, `${name}:${whole.dtype}`),
    rewriter.tensor({ dtype: 'float32', dims: [scales.length], data: scales }, `${name}:scales`),
  ]
  const attributes: Record<string, OnnxAttribute> = { axis: { kind: 'int', value: 0 } }
  return rewriter.emit(node, 'DequantizeLinear', inputs, { attributes })
}
