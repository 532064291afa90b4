import { elementTypes } from '../onnx/emitter.js'
import type { OnnxModel, OnnxNode } from '../onnx/model.js'
import type { DType, Tensor } from '../tensor.js'
import { halfBits } from './half-bits.js'
import { OnnxRewriter, type PassedModel } from './onnx-rewriter.js'
import { typesOf } from './onnx-types.js'

/** Normalisations, reductions and exponentials lose what 11 bits cannot hold. */
const delicate: ReadonlySet<string> = new Set(
  `LayerNormalization BatchNormalization InstanceNormalization Softmax LogSoftmax Exp Log Pow Sqrt Erf CumSum
  ReduceSum ReduceMean ReduceSumSquare ReduceLogSumExp`.split(/\s+/),
)

/** Their form fixes some of their types, or they hold bodies and states that would have to be converted with them. */
const fixedForm: ReadonlySet<string> = new Set(
  `Scan Loop If LSTM GRU RNN Resize Range DynamicQuantizeLinear QuantizeLinear DequantizeLinear
  MatMulInteger ConvInteger`.split(/\s+/),
)

export interface HalfPrecisionOptions {
  /** Nodes to leave in float32 beside the usual ones. */
  readonly keep?: (node: OnnxNode) => boolean
}

/**
 * Numbers of 16 bits for processors that compute faster in them, which are GPUs; CPUs convert them to 32 bits and back.
 * Weights become float16 (too large ones ±65,504); inputs and outputs of the model stay float32, as do normalisations, softmax
 * and reductions. Casts stand where the two meet, each value cast once. Works on ONNX models, because only there softmax
 * stands apart from the products of attention.
 */
export function convertToHalf(model: OnnxModel, { keep = () => false }: HalfPrecisionOptions = {}): PassedModel {
  const rewriter = new OnnxRewriter(model, 'float16')
  const values = new Values(rewriter, typesOf(model))
  for (const node of model.graph.nodes) {
    const why = reasonToKeep(node, keep)
    if (!values.hasFloats(node)) rewriter.keep(node)
    else if (why) values.keep(node, why)
    else values.convert(node)
  }
  return rewriter.finish()
}

function reasonToKeep(node: OnnxNode, keep: (node: OnnxNode) => boolean): string | undefined {
  if (delicate.has(node.opType)) return 'it would lose too much'
  if (fixedForm.has(node.opType) || node.domain !== '') return 'its form asks for float32'
  return keep(node) ? 'asked to keep' : undefined
}

/** Which values are there in which width. */
class Values {
  /** Names in float32. */
  readonly #whole: Set<string>
  /** Names of the float16 twins. */
  readonly #half = new Map<string, string>()
  readonly #outputs: ReadonlySet<string>

  constructor(
    readonly rewriter: OnnxRewriter,
    readonly types: ReadonlyMap<string, DType>,
  ) {
    const { inputs, initializers, outputs } = rewriter.model.graph
    this.#whole = new Set([...inputs.map(({ name }) => name), ...initializers.keys()])
    this.#outputs = new Set(outputs.map(({ name }) => name))
  }

  hasFloats({ inputs, outputs }: OnnxNode): boolean {
    return [...inputs, ...outputs].some((name) => this.types.get(name) === 'float32')
  }

  keep(node: OnnxNode, why: string): void {
    const inputs = node.inputs.map((name) => this.#asWhole(node, name))
    this.rewriter.skip({ ...node, inputs }, why)
    for (const name of node.outputs) this.#whole.add(name)
  }

  convert(node: OnnxNode): void {
    const isFloat = (name: string) => this.types.get(name) === 'float32'
    const inputs = node.inputs.map((name) => (isFloat(name) ? this.#asHalf(node, name) : name))
    const outputs = node.outputs.map((name) => (isFloat(name) ? this.#nameHalf(name) : name))
    this.rewriter.keep({ ...node, inputs, outputs, attributes: halfAttributes(node) })
    this.rewriter.applied(node, 'in float16')
    for (const name of node.outputs) if (this.#outputs.has(name)) this.#asWhole(node, name)
  }

  #nameHalf(name: string): string {
    const own = this.rewriter.fresh(`${name}:float16`)
    this.#half.set(name, own)
    return own
  }

  #asHalf(near: OnnxNode, name: string): string {
    const known = this.#half.get(name)
    if (known) return known
    const tensor = this.rewriter.constant(name)
    const own = this.#nameHalf(name)
    if (tensor) this.rewriter.initializers.set(own, halfTensor(tensor))
    else this.#cast(near, name, own, 'float16')
    return own
  }

  #asWhole(near: OnnxNode, name: string): string {
    const half = this.#half.get(name)
    if (half && !this.#whole.has(name)) {
      this.#cast(near, half, name, 'float32')
      this.#whole.add(name)
    }
    return name
  }

  #cast(near: OnnxNode, from: string, output: string, to: DType): void {
    this.rewriter.emit(near, 'Cast', [from], { output, attributes: { to: { kind: 'int', value: elementTypes[to] } } })
  }
}

/** A cast to float32 gives float16 here, and tensors among attributes (of ConstantOfShape) are converted. */
function halfAttributes({ opType, attributes }: OnnxNode): OnnxNode['attributes'] {
  const { value, to } = attributes
  if (value?.kind === 'tensor' && value.value.dtype === 'float32')
    return { ...attributes, value: { kind: 'tensor', value: halfTensor(value.value) } }
  if (opType === 'Cast' && to?.kind === 'int' && to.value === elementTypes.float32)
    return { ...attributes, to: { kind: 'int', value: elementTypes.float16 } }
  return attributes
}

const halfTensor = ({ dims, data }: Tensor): Tensor => ({
  dtype: 'float16',
  dims,
  data: halfBits(data as Float32Array),
})
