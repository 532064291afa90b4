import { GraphError } from '../error.js'
import { arrayFromBytes, bytesOf, type DType, elementCount, type Tensor, tensorOf } from '../tensor.js'
import { elementTypes } from './emitter.js'
import { type Message, readMessage, writeMessage } from './messages.js'
import {
  domainsOf,
  type OnnxAttribute,
  type OnnxGraph,
  type OnnxModel,
  type OnnxNode,
  type OnnxValueInfo,
} from './model.js'

const dtypes = new Map(Object.entries(elementTypes).map(([dtype, number]) => [number as number, dtype as DType]))

/** AttributeProto.AttributeType */
const attributeTypes = { float: 1, int: 2, string: 3, tensor: 4, graph: 5, floats: 6, ints: 7, strings: 8 } as const

/** The largest file protobuf can hold. */
const largestFile = 2 ** 31 - 1

/**
 * An ONNX file (https://onnx.ai/onnx/repo-docs/IR.html) with all tensors inside but those named, of which it says that they lie at
 * a path of their name. Throws GraphError above 2 GB.
 */
export function encodeOnnx(model: OnnxModel, apart: ReadonlySet<string> = new Set()): Uint8Array {
  const { graph } = model
  const inside = [...graph.initializers].filter(([name]) => !apart.has(name))
  const size = inside.reduce((sum, [, { data }]) => sum + data.byteLength, 0)
  if (size > largestFile) throw new GraphError(`an ONNX file holds at most 2 GB, the initializers need ${size} bytes`)
  return writeMessage('Model', {
    irVersion: model.irVersion,
    producer: model.producer,
    opsets: [{ domain: '', version: model.opset }, ...domainsOf(graph).map((domain) => ({ domain, version: 1 }))],
    metadata: Object.entries(model.metadata).map(([key, value]) => ({ key, value })),
    graph: writeGraph(graph, apart),
  })
}

/** Fewest bytes of a tensor that is worth a place of its own. */
const smallestApart = 1 << 16

/** A tensor's bytes beside an ONNX file, under the path by which the file names them. */
export interface TensorApart {
  readonly path: string
  readonly data: Uint8Array
}

/**
 * An ONNX file without its large tensors, and their bytes: for sessions, which take them beside the file (`externalData`), so that
 * their size does not matter. The bytes are views of the tensors.
 */
export function encodeOnnxApart(model: OnnxModel): { file: Uint8Array; apart: TensorApart[] } {
  const large = [...model.graph.initializers].filter(([, { data }]) => data.byteLength >= smallestApart)
  const names = new Set(large.map(([name]) => name))
  const file = encodeOnnx(model, names)
  return { file, apart: large.map(([path, { data }]) => ({ path, data: bytesOf(data) })) }
}

/** Reads an ONNX file. Throws GraphError for what is not ONNX, keeps its weights elsewhere, or uses types we do not have. */
export function decodeOnnx(bytes: Uint8Array): OnnxModel {
  const model = readModel(bytes)
  const { graph } = model
  if (!graph) throw new GraphError('not an ONNX file: it holds no graph')
  return {
    irVersion: model.irVersion ?? 0,
    opset: (model.opsets ?? []).find((o) => !o.domain || o.domain === 'ai.onnx')?.version ?? 0,
    producer: model.producer ?? '',
    metadata: Object.fromEntries((model.metadata ?? []).map((e) => [e.key ?? '', e.value ?? ''])),
    graph: readGraph(graph),
  }
}

function readModel(bytes: Uint8Array): Message<'Model'> {
  try {
    return readMessage('Model', bytes)
  } catch (cause) {
    throw Object.assign(new GraphError(`not an ONNX file: ${(cause as Error).message}`), { cause })
  }
}

const writeGraph = (graph: OnnxGraph, apart: ReadonlySet<string> = new Set()): Message<'Graph'> => ({
  name: graph.name,
  nodes: graph.nodes.map(writeNode),
  inputs: graph.inputs.map(writeValueInfo),
  outputs: graph.outputs.map(writeValueInfo),
  initializers: [...graph.initializers].map(([name, tensor]) =>
    apart.has(name) ? writeTensorApart(tensor, name) : writeTensor(tensor, name),
  ),
})

function readGraph(graph: Message<'Graph'>): OnnxGraph {
  const initializers = new Map((graph.initializers ?? []).map((t) => [t.name ?? '', readTensor(t)]))
  return {
    name: graph.name ?? '',
    nodes: (graph.nodes ?? []).map(readNode),
    inputs: (graph.inputs ?? []).map(readValueInfo).filter((i) => !initializers.has(i.name)),
    outputs: (graph.outputs ?? []).map(readValueInfo),
    initializers,
  }
}

const writeNode = (node: OnnxNode): Message<'Node'> => ({
  inputs: [...node.inputs],
  outputs: [...node.outputs],
  name: node.name,
  opType: node.opType,
  domain: node.domain || undefined,
  attributes: Object.entries(node.attributes).map(([name, attribute]) => writeAttribute(name, attribute)),
})

const readNode = (node: Message<'Node'>): OnnxNode => ({
  name: node.name ?? '',
  opType: node.opType ?? '',
  domain: node.domain === 'ai.onnx' ? '' : (node.domain ?? ''),
  inputs: node.inputs ?? [],
  outputs: node.outputs ?? [],
  attributes: Object.fromEntries((node.attributes ?? []).map((a) => [a.name ?? '', readAttribute(a)])),
})

function writeAttribute(name: string, attribute: OnnxAttribute): Message<'Attribute'> {
  const head = { name, type: attributeTypes[attribute.kind] }
  switch (attribute.kind) {
    case 'float':
      return { ...head, f: attribute.value }
    case 'int':
      return { ...head, i: attribute.value }
    case 'string':
      return { ...head, s: attribute.value }
    case 'tensor':
      return { ...head, t: writeTensor(attribute.value) }
    case 'graph':
      return { ...head, g: writeGraph(attribute.value) }
    case 'floats':
      return { ...head, floats: [...attribute.value] }
    case 'ints':
      return { ...head, ints: [...attribute.value] }
    case 'strings':
      return { ...head, strings: [...attribute.value] }
  }
}

function readAttribute(a: Message<'Attribute'>): OnnxAttribute {
  switch (a.type) {
    case attributeTypes.float:
      return { kind: 'float', value: a.f ?? 0 }
    case attributeTypes.int:
      return { kind: 'int', value: a.i ?? 0 }
    case attributeTypes.string:
      return { kind: 'string', value: a.s ?? '' }
    case attributeTypes.tensor:
      return { kind: 'tensor', value: readTensor(a.t ?? {}) }
    case attributeTypes.graph:
      return { kind: 'graph', value: readGraph(a.g ?? {}) }
    case attributeTypes.floats:
      return { kind: 'floats', value: a.floats ?? [] }
    case attributeTypes.ints:
      return { kind: 'ints', value: a.ints ?? [] }
    case attributeTypes.strings:
      return { kind: 'strings', value: a.strings ?? [] }
    default:
      throw new GraphError(`the ONNX attribute "${a.name}" is of type ${a.type}, which we cannot read`)
  }
}

const writeTensor = ({ dtype, dims, data }: Tensor, name?: string): Message<'Tensor'> => ({
  dims: [...dims],
  dataType: elementTypes[dtype],
  name,
  raw: bytesOf(data),
})

const writeTensorApart = ({ dtype, dims, data }: Tensor, name: string): Message<'Tensor'> => ({
  dims: [...dims],
  dataType: elementTypes[dtype],
  name,
  dataLocation: 1,
  externalData: Object.entries({ location: name, offset: 0, length: data.byteLength }).map(([key, value]) => ({
    key,
    value: String(value),
  })),
})

/** Numbers may be raw bytes or in the field of their type; 16-bit and smaller ones share the int32 field. */
function readTensor(t: Message<'Tensor'>): Tensor {
  const name = t.name ?? ''
  const dims = t.dims ?? []
  const dtype = dtypes.get(t.dataType ?? 0)
  if (!dtype) throw new GraphError(`the ONNX tensor "${name}" has the element type ${t.dataType}, which we do not have`)
  if (t.dataLocation)
    throw new GraphError(`the ONNX tensor "${name}" is stored outside of the file, which we cannot read`)
  const tensor = t.raw
    ? { dtype, dims, data: arrayFromBytes(dtype, new Uint8Array(t.raw)) }
    : tensorOf(dtype, dims, [t.floats, t.doubles, t.int64s, t.int32s].find((list) => list?.length) ?? [])
  if (tensor.data.length !== elementCount(dims))
    throw new GraphError(`the ONNX tensor "${name}" has ${tensor.data.length} elements`, { shapes: [dims] })
  return tensor
}

function writeValueInfo({ name, dtype, shape, sequence }: OnnxValueInfo): Message<'ValueInfo'> {
  const dims = shape.map((d) => (typeof d === 'number' ? { value: d } : { name: d }))
  const type = { tensor: { elementType: elementTypes[dtype], shape: { dims } } }
  return { name, type: sequence ? { sequence: { element: type } } : type }
}

function readValueInfo({ name = '', type }: Message<'ValueInfo'>): OnnxValueInfo {
  const tensor = type?.tensor ?? type?.sequence?.element?.tensor
  const dtype = dtypes.get(tensor?.elementType ?? 0)
  if (!dtype) throw new GraphError(`the ONNX value "${name}" is not a tensor of a type we have`)
  const shape = (tensor?.shape?.dims ?? []).map((d, i) => d.value ?? (d.name || `${name}_${i}`))
  return { name, dtype, shape, ...(type?.sequence ? { sequence: true } : {}) }
}
