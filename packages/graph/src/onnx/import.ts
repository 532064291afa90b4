import { GraphBuilder } from '../builder.js'
import { addDims, type Dim, dim, floorDivideDims, multiplyDims, subtractDims } from '../dims.js'
import { GraphError } from '../error.js'
import type { Graph, Value } from '../graph.js'
import { isFloat, type Tensor } from '../tensor.js'
import { ImportContext, type Known, materialise } from './import-context.js'
import { importRules } from './import-rules.js'
import type { OnnxModel } from './model.js'

/** Whole numbers longer than this are data, not shapes. */
const longestShape = 64

/**
 * An ONNX model as a graph of our ops, to train on or lower again. Float initializers become parameters under their names
 * (their tensors are returned), everything else constants. Shape computations are followed symbolically. Throws GraphError
 * naming the node for ops, attributes and run-time shapes that we do not have.
 */
export function importOnnx(model: OnnxModel): { graph: Graph; initializers: Map<string, Tensor> } {
  const { graph } = model
  const builder = new GraphBuilder(graph.name)
  const values = new Map<string, Value>()
  const known = new Map<string, Known>()
  const initializers = new Map<string, Tensor>()
  for (const { name, dtype, shape } of graph.inputs) values.set(name, builder.input(name, dtype, shape.map(importDim)))
  for (const [name, tensor] of graph.initializers) {
    if (isFloat(tensor.dtype) && tensor.data.length > 1 && !/^constant_\d+$/.test(name)) {
      values.set(name, builder.parameter(name, tensor.dims, { dtype: tensor.dtype }))
      initializers.set(name, tensor)
    } else {
      values.set(name, builder.constant(tensor.data, { dtype: tensor.dtype, shape: tensor.dims }))
      if (isShapeLike(tensor))
        known.set(name, { dims: Array.from(tensor.data, Number), rank: tensor.dims.length as 0 | 1 })
    }
  }
  for (const node of graph.nodes) {
    const context = new ImportContext(builder, node, values, known, graph.initializers)
    builder.at(node.name.slice(0, Math.max(0, node.name.lastIndexOf('/'))), () => {
      const shape = followShape(context)
      if (shape) known.set(node.outputs[0]!, shape)
      else {
        const missing = () => context.fail(`there is no such op here${node.domain && ` (domain ${node.domain})`}`)
        const rule = importRules[node.domain === '' ? node.opType : ''] ?? missing()
        const produced = [rule(context)].flat()
        node.outputs.forEach((name, i) => {
          if (produced[i]) values.set(name, produced[i])
        })
      }
    })
  }
  for (const { name } of graph.outputs) {
    const shape = known.get(name)
    const value = values.get(name) ?? (shape && materialise(builder, shape))
    if (!value) throw new GraphError(`the ONNX output "${name}" is not computed by any node`)
    builder.output(name, value)
  }
  return { graph: builder.build(), initializers }
}

/** Names from elsewhere may hold characters that are operators to us. */
function importDim(value: number | string): Dim {
  try {
    return dim(value)
  } catch {
    return String(value).replace(/^\d|\W/g, '_')
  }
}

const isShapeLike = ({ dtype, dims, data }: Tensor) =>
  (dtype === 'int64' || dtype === 'int32') && dims.length <= 1 && data.length <= longestShape

type Arithmetic = (a: Dim, b: Dim) => Dim

const arithmetic: Record<string, Arithmetic> = {
  Add: (a, b) => addDims(a, b),
  Sub: subtractDims,
  Mul: (a, b) => multiplyDims(a, b),
  Div: (a, b) => floorDivideDims(a, Number(b)),
}

/** The result of a node that only computes with shapes; undefined when it computes with data. */
function followShape(c: ImportContext): Known | undefined {
  const { opType } = c.node
  if (opType === 'Shape')
    return { dims: c.value(0).shape.slice(c.int('start', 0), c.int('end', longestShape)), rank: 1 }
  const inputs = c.node.inputs.map((_, i) => c.knownAt(i))
  if (inputs.length === 0 || inputs.some((k) => k === undefined)) return undefined
  const [a, b] = inputs as [Known, Known]
  if (opType in arithmetic && (a.dims.length === b.dims.length || a.dims.length === 1 || b.dims.length === 1)) {
    const length = Math.max(a.dims.length, b.dims.length)
    const pick = (k: Known, i: number) => k.dims[k.dims.length === 1 ? 0 : i]!
    const dims = Array.from({ length }, (_, i) => arithmetic[opType]!(pick(a, i), pick(b, i)))
    return { dims, rank: Math.max(a.rank, b.rank) as 0 | 1 }
  }
  switch (opType) {
    case 'Concat':
      return { dims: inputs.flatMap((k) => k!.dims), rank: 1 }
    case 'Slice':
      return { dims: a.dims.slice(c.numbers(1)[0], c.numbers(2)[0]), rank: 1 }
    case 'Gather':
      return { dims: b.dims.map((i) => a.dims.at(Number(i))!), rank: b.rank }
    case 'Squeeze':
      return { dims: a.dims, rank: 0 }
    case 'Unsqueeze':
      return { dims: a.dims, rank: 1 }
    case 'Cast':
      return isFloat(c.dtype('to')) ? undefined : a
    default:
      return undefined
  }
}
