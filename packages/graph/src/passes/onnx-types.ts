import { GraphError } from '../error.js'
import { elementTypes } from '../onnx/emitter.js'
import type { OnnxModel, OnnxNode } from '../onnx/model.js'
import type { DType } from '../tensor.js'
import { numberOf } from './onnx-rewriter.js'

const dtypes = new Map(Object.entries(elementTypes).map(([dtype, number]) => [number as number, dtype as DType]))

type Given = readonly (DType | undefined)[]

const always =
  (...types: DType[]) =>
  (): Given =>
    types

/** Types of the outputs where they are not all that of the first input. */
const rules: Readonly<Record<string, (x: Given, node: OnnxNode) => Given>> = {
  Shape: always('int64'),
  Size: always('int64'),
  NonZero: always('int64'),
  ArgMax: always('int64'),
  ArgMin: always('int64'),
  TopK: (x) => [x[0], 'int64'],
  MaxPool: (x) => [x[0], 'int64'],
  Cast: (_x, node) => [dtypes.get(numberOf(node, 'to', 0))],
  Where: (x) => [x[1]],
  Dropout: (x) => [x[0], 'bool'],
  ConstantOfShape: (_x, { attributes: { value } }) => [value?.kind === 'tensor' ? value.value.dtype : 'float32'],
  Constant: (_x, { attributes: { value } }) => [value?.kind === 'tensor' ? value.value.dtype : 'float32'],
  DynamicQuantizeLinear: always('uint8', 'float32', 'uint8'),
  QuantizeLinear: (x) => [x[2] ?? 'uint8'],
  DequantizeLinear: (x) => [x[1]],
  MatMulInteger: always('int32'),
  ConvInteger: always('int32'),
}
for (const op of 'Equal Less Greater LessOrEqual GreaterOrEqual And Or Not IsNaN IsInf'.split(' '))
  Object.assign(rules, { [op]: always('bool') })

/** The dtype of every name of a model, bodies of loops left aside. Throws GraphError where an input has no known type. */
export function typesOf({ graph }: OnnxModel): Map<string, DType> {
  const types = new Map<string, DType>()
  for (const { name, dtype } of graph.inputs) types.set(name, dtype)
  for (const [name, { dtype }] of graph.initializers) types.set(name, dtype)
  for (const node of graph.nodes) {
    const given = node.inputs.map((name) => types.get(name))
    const found = rules[node.opType]?.(given, node) ?? node.outputs.map(() => given[0])
    node.outputs.forEach((name, i) => {
      if (name === '') return
      const dtype = found[i]
      if (!dtype) throw new GraphError('the type of its output is not known', { op: node.opType, path: node.name })
      types.set(name, dtype)
    })
  }
  return types
}
