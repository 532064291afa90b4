import { GraphError } from '../error.js'
import { elementCount } from '../tensor.js'
import { type OnnxModel, readsOf } from './model.js'

/**
 * Checks an ONNX model's form: every name is defined once and before it is read, every output is defined, every initializer
 * holds as many numbers as its dims say. Run after every pass over ONNX models. Throws GraphError.
 */
export function checkOnnx({ graph }: OnnxModel): void {
  const defined = new Set<string>()
  const define = (name: string, what: string) => {
    if (defined.has(name)) throw new GraphError(`${what} defines "${name}" a second time`)
    defined.add(name)
  }
  for (const { name } of graph.inputs) define(name, 'an input')
  for (const [name, { dims, data }] of graph.initializers) {
    define(name, 'an initializer')
    if (data.length !== elementCount(dims))
      throw new GraphError(`the initializer "${name}" has ${data.length} numbers`, { shapes: [dims] })
  }
  for (const node of graph.nodes) {
    const missing = readsOf(node).find((name) => !defined.has(name))
    if (missing !== undefined)
      throw new GraphError(`"${missing}" is read before it is defined`, { op: node.opType, path: node.name })
    for (const name of node.outputs) if (name !== '') define(name, `${node.opType} ${node.name}`)
  }
  const undefinedOutput = graph.outputs.find(({ name }) => !defined.has(name))
  if (undefinedOutput) throw new GraphError(`the output "${undefinedOutput.name}" is not computed`)
}
