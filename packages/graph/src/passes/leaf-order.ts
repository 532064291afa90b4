import { type OnnxNode, readsOf } from '../onnx/model.js'

/**
 * Moves nodes that nobody consumes to the end, in reverse order. ONNX Runtime walks depth first from the last leaf of the
 * file; so ordered, it runs the forward pass first and the backward pass layer by layer, and no gradient of an activation
 * lives longer than needed. Works on ONNX nodes, whose order it is that the runtime goes by; part of `lower`.
 */
export function orderLeaves(nodes: readonly OnnxNode[]): OnnxNode[] {
  const consumed = new Set(nodes.flatMap(readsOf))
  const isLeaf = (node: OnnxNode) => !node.outputs.some((name) => consumed.has(name))
  return [...nodes.filter((node) => !isLeaf(node)), ...nodes.filter(isLeaf).reverse()]
}
