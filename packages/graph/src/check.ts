import { inferShapes } from './builder.js'
import { sameShape } from './dims.js'
import { GraphError } from './error.js'
import type { Graph } from './graph.js'

/**
 * Type-checks a graph: every value is defined once and before its use, and every node's outputs are what its shape rule says.
 * Run after every pass. Throws GraphError.
 */
export function checkGraph(graph: Graph): void {
  const defined = new Set<number>()
  const define = (value: number, what: string) => {
    if (!graph.values[value]) throw new GraphError(`${what} defines the unknown value %${value}`)
    if (defined.has(value)) throw new GraphError(`${what} defines %${value} a second time`)
    defined.add(value)
  }
  for (const { name, value } of graph.inputs) define(value, `input "${name}"`)
  for (const { path, value } of graph.parameters) define(value, `parameter "${path}"`)
  for (const { value } of graph.constants) define(value, 'a constant')
  for (const node of graph.nodes) {
    const missing = node.inputs.find((id) => !defined.has(id))
    if (missing !== undefined)
      throw new GraphError(`%${missing} is used before it is defined`, { op: node.op, path: node.path })
    const x = node.inputs.map((id) => graph.values[id]!)
    const details = { op: node.op, path: node.path, shapes: x.map((v) => v.shape) }
    const expected = inferShapes(node.op, x, node.attributes, details)
    if (expected.length !== node.outputs.length)
      throw new GraphError(`has ${node.outputs.length} outputs, its rule gives ${expected.length}`, details)
    node.outputs.forEach((id, i) => {
      define(id, node.op)
      const { dtype, shape } = graph.values[id]!
      if (dtype !== expected[i]!.dtype || !sameShape(shape, expected[i]!.shape))
        throw new GraphError(
          `%${id} is ${dtype}[${shape}], its rule gives ${expected[i]!.dtype}[${expected[i]!.shape}]`,
          details,
        )
    })
  }
  for (const { name, value } of graph.outputs)
    if (!defined.has(value)) throw new GraphError(`output "${name}" is the undefined value %${value}`)
}
