import { GraphError } from '../error.js'
import { type OnnxModel, type OnnxNode, readsOf } from './model.js'

/** A graph input that is updated in place: the output `update` is written into the memory of the input `state`. */
export interface StatePair {
  state: string
  update: string
}

/** Their output may share the memory of the first input, so whoever reads it reads the state. */
const views = new Set(['Reshape', 'Squeeze', 'Unsqueeze', 'Flatten', 'Identity'])

/**
 * These read element i of each operand only to write element i, so they may write over an operand; ScatterND, which sets some
 * rows of its first, copies nothing where that is its output.
 */
const elementwise = new Set(
  'Add Sub Mul Div Sum Where Min Max Clip Cast Neg Abs Sqrt Exp Log Identity Pow Sign Tanh Sigmoid Relu ScatterND'.split(
    ' ',
  ),
)

/**
 * Asserts that state may be updated in place. ONNX Runtime may run nodes in any order their inputs allow, so every node that
 * reads a state tensor must be an ancestor of the node that writes its update, and that node itself, if it reads the state,
 * must work element by element. Throws GraphError naming the state and the reader.
 */
export function assertSafeAliasing(model: OnnxModel, pairs: readonly StatePair[]): void {
  const { nodes, inputs } = model.graph
  const producers = new Map(nodes.flatMap((node) => node.outputs.map((name) => [name, node] as const)))
  const readers = new Map<string, OnnxNode[]>()
  for (const node of nodes)
    for (const name of new Set(readsOf(node))) readers.set(name, [...(readers.get(name) ?? []), node])

  const parents = parentsOf(nodes, producers)
  const readersOf = (name: string): OnnxNode[] =>
    (readers.get(name) ?? []).flatMap((node) =>
      views.has(node.opType) ? [...readersOf(node.outputs[0]!), node] : [node],
    )

  for (const { state, update } of pairs) {
    const writer = producers.get(update)
    if (!inputs.some((input) => input.name === state)) throw new GraphError(`the state "${state}" is not an input`)
    if (!writer) throw new GraphError(`the update "${update}" of the state "${state}" is not computed by any node`)
    const before = ancestors(writer, parents)
    for (const reader of readersOf(state)) {
      if (reader === writer && (elementwise.has(writer.opType) || views.has(writer.opType))) continue
      if (reader !== writer && before.has(reader)) continue
      throw new GraphError(
        `"${state}" cannot be updated in place: ${reader.name} may read it after ${writer.name} wrote it`,
      )
    }
  }
}

type Parents = ReadonlyMap<OnnxNode, readonly OnnxNode[]>

/** The nodes whose outputs each node reads. */
const parentsOf = (nodes: readonly OnnxNode[], producers: ReadonlyMap<string, OnnxNode>): Parents =>
  new Map(nodes.map((node) => [node, [...new Set(readsOf(node).flatMap((name) => producers.get(name) ?? []))]]))

function ancestors(node: OnnxNode, parents: Parents): Set<OnnxNode> {
  const found = new Set<OnnxNode>()
  const open = [node]
  for (let next = open.pop(); next; next = open.pop())
    for (const parent of parents.get(next)!) {
      if (found.has(parent)) continue
      found.add(parent)
      open.push(parent)
    }
  return found
}
