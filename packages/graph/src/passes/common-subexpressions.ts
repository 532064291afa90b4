import type { Graph, Node } from '../graph.js'
import { bytesOf, type Tensor } from '../tensor.js'
import { GraphRewriter, type PassedGraph } from './graph-rewriter.js'

/** Bytes up to which constants are compared. */
const largestCompared = 1024

/**
 * Computes once what is computed twice: the same op with the same attributes on the same values. Works on our graphs, where a
 * composite op is one node (the emitter does the same for the ONNX nodes it writes).
 *
 * Random ops are safe to share: dropout is a function of its seed and of a salt that is an attribute, so nodes that are to draw
 * different numbers differ in it. Recomputation for the sake of memory is not undone: the repeated forward pass takes an
 * input that depends on the incoming gradient, so its nodes read other values, and no arithmetic is simplified here.
 */
export function shareCommonSubexpressions(graph: Graph): PassedGraph {
  const rewriter = new GraphRewriter(graph, 'common sub-expressions')
  const constants = new Map<string, number>()
  for (const { value, tensor } of graph.constants) {
    const key = contentOf(tensor)
    if (key === undefined) continue
    const first = constants.get(key)
    if (first === undefined) constants.set(key, value)
    else rewriter.define(value, rewriter.value(first))
  }
  const known = new Map<string, Node>()
  for (const node of graph.nodes) {
    const key = keyOf(
      node,
      rewriter.inputsOf(node).map((value) => value.id),
    )
    const first = known.get(key)
    if (first) {
      const values = first.outputs.map((id) => rewriter.value(id))
      rewriter.replace(node, values, `the same as at ${first.path || '(top)'}`)
    } else {
      known.set(key, node)
      rewriter.copy(node)
    }
  }
  return rewriter.finish()
}

const keyOf = ({ op, attributes }: Node, inputs: readonly number[]): string => {
  const sorted = Object.entries(attributes).sort(([a], [b]) => (a < b ? -1 : 1))
  return `${op}|${inputs}|${JSON.stringify(sorted)}`
}

const contentOf = ({ dtype, dims, data }: Tensor): string | undefined =>
  data.byteLength > largestCompared ? undefined : `${dtype}|${dims}|${bytesOf(data)}`
