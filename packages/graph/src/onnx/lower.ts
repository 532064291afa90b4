import { GraphError } from '../error.js'
import type { Graph, Node } from '../graph.js'
import { ruleOf } from '../ops/table.js'
import { orderLeaves } from '../passes/leaf-order.js'
import { RuleViolation } from '../rule.js'
import type { Tensor } from '../tensor.js'
import { Emitter, type Target } from './emitter.js'
import { type OnnxGraph, type OnnxModel, type OnnxNode, readsOf } from './model.js'

/**
 * Lowers a graph to ordinary ONNX nodes (opset 18). Parameters found in `initializers` become initializers of the file, the
 * others stay inputs under their paths. Throws GraphError when a symbolic dim is needed that no input carries.
 */
export function lower(graph: Graph, target: Target, initializers: ReadonlyMap<string, Tensor> = new Map()): OnnxModel {
  const resident = graph.parameters.map((p) => ({ name: p.path, value: p.value }))
  const free = resident.filter((p) => !initializers.has(p.name))
  const feeds = [...graph.inputs, ...free].map((i) => ({ name: i.name, value: i.value, ...graph.values[i.value]! }))
  const emit = new Emitter(target, feeds)
  const names = new Map<number, string>([...graph.inputs, ...resident].map((i) => [i.value, i.name]))
  for (const { value, tensor } of graph.constants) names.set(value, emit.tensor(tensor))

  const used = new Set([...graph.nodes.flatMap((n) => n.inputs), ...graph.outputs.map((o) => o.value)])
  for (const node of graph.nodes) lowerNode(graph, node, names, used, emit)

  const outputs = graph.outputs.map((o) => ({ name: o.name, source: names.get(o.value)!, ...graph.values[o.value]! }))
  const fixed = new Set([...feeds.map((f) => f.name), ...initializers.keys(), ...emit.initializers.keys()])
  const nodes = orderLeaves(withoutDead(nameOutputs(emit.nodes, outputs, fixed), outputs))
  const kept = [...initializers].filter(([name]) => resident.some((p) => p.name === name))
  return {
    irVersion: 8,
    opset: target.opset,
    producer: 'volant',
    metadata: {},
    graph: {
      name: graph.name,
      nodes,
      inputs: feeds.map(({ name, dtype, shape }) => ({ name, dtype, shape })),
      outputs: outputs.map(({ name, dtype, shape }) => ({ name, dtype, shape })),
      initializers: new Map([...kept, ...emit.initializers]),
    },
  }
}

function lowerNode(graph: Graph, node: Node, names: Map<number, string>, used: Set<number>, emit: Emitter): void {
  emit.path = node.path
  const x = node.inputs.map((id) => graph.values[id]!)
  try {
    const produced = ruleOf(node.op, node.path).lower({
      names: node.inputs.map((id) => names.get(id)!),
      x,
      y: node.outputs.map((id) => graph.values[id]!),
      attributes: node.attributes,
      emit,
      used: node.outputs.map((id) => used.has(id)),
    })
    node.outputs.forEach((id, i) => {
      if (produced[i]) names.set(id, produced[i])
    })
  } catch (error) {
    if (!(error instanceof RuleViolation)) throw error
    throw new GraphError(error.message, { op: node.op, path: node.path, shapes: x.map((v) => v.shape) })
  }
}

/** Leaves out what no output needs: parts of composite ops that are computed again for the backward pass only. */
function withoutDead(nodes: readonly OnnxNode[], outputs: readonly { name: string }[]): OnnxNode[] {
  const needed = new Set(outputs.map(({ name }) => name))
  const kept = nodes.toReversed().filter((node) => {
    const wanted = node.outputs.some((name) => needed.has(name))
    if (wanted) for (const name of readsOf(node)) needed.add(name)
    return wanted
  })
  return kept.reverse()
}

/** Gives graph outputs their names: the producing node's output is renamed, or copied where the name is fixed or shared. */
function nameOutputs(
  nodes: readonly OnnxNode[],
  outputs: readonly { name: string; source: string }[],
  fixed: ReadonlySet<string>,
): OnnxNode[] {
  const renamed = new Map<string, string>()
  const copies: OnnxNode[] = []
  for (const { name, source } of outputs) {
    if (fixed.has(source) || renamed.has(source)) copies.push(identity(source, name))
    else renamed.set(source, name)
  }
  const rename = (name: string) => renamed.get(name) ?? name
  const all = (list: readonly OnnxNode[]): OnnxNode[] =>
    list.map((node) => ({
      ...node,
      inputs: node.inputs.map(rename),
      outputs: copies.includes(node) ? node.outputs : node.outputs.map(rename),
      attributes: renameBodies(node.attributes, all),
    }))
  return all([...nodes, ...copies])
}

/** Bodies of loops read names from outside, so their nodes follow a renaming. */
function renameBodies(attributes: OnnxNode['attributes'], all: (nodes: OnnxGraph['nodes']) => OnnxNode[]) {
  const bodies = Object.entries(attributes).filter(([, attribute]) => attribute.kind === 'graph')
  if (bodies.length === 0) return attributes
  const renamed = bodies.map(([key, attribute]) => {
    const body = attribute.value as OnnxGraph
    return [key, { kind: 'graph', value: { ...body, nodes: all(body.nodes) } }] as const
  })
  return { ...attributes, ...Object.fromEntries(renamed) }
}

const identity = (source: string, name: string): OnnxNode => ({
  name: `output/${name}`,
  opType: 'Identity',
  domain: '',
  inputs: [source],
  outputs: [name],
  attributes: {},
})
