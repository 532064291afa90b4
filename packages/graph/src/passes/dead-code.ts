import { checkGraph } from '../check.js'
import type { Graph, Node } from '../graph.js'
import type { PassedGraph } from './graph-rewriter.js'
import type { Place } from './report.js'

export interface DeadCodeOptions {
  /** Also remove inputs that nothing reads; they are part of the model's signature, so by default they stay. */
  readonly inputs?: boolean
}

/**
 * Removes nodes, constants and parameters that no output needs. Works on our graphs: what is not there need not be lowered,
 * and the parameters that go are those that need not be trained, saved or fed.
 */
export function removeDeadCode(graph: Graph, { inputs = false }: DeadCodeOptions = {}): PassedGraph {
  const needed = new Set(graph.outputs.map((output) => output.value))
  const nodes: Node[] = []
  const places: Place[] = []
  for (const node of graph.nodes.toReversed()) {
    if (node.outputs.some((id) => needed.has(id))) {
      for (const id of node.inputs) needed.add(id)
      nodes.push(node)
    } else places.push({ at: node.path || '(top)', op: node.op, applied: true, what: 'no output needs it' })
  }
  places.reverse()
  const idle = (at: string, op: string, applied: boolean, what: string) => places.push({ at, op, applied, what })
  for (const { path, value } of graph.parameters)
    if (!needed.has(value)) idle(path, 'parameter', true, 'nothing reads it')
  for (const { name, value } of graph.inputs)
    if (!needed.has(value))
      idle(
        name,
        'input',
        inputs,
        inputs ? 'nothing reads it' : "nothing reads it, but inputs are the model's signature",
      )
  const rest: Graph = Object.freeze({
    ...graph,
    nodes: nodes.reverse(),
    constants: graph.constants.filter(({ value }) => needed.has(value)),
    parameters: graph.parameters.filter(({ value }) => needed.has(value)),
    inputs: inputs ? graph.inputs.filter(({ value }) => needed.has(value)) : graph.inputs,
  })
  checkGraph(rest)
  return { graph: rest, report: { pass: 'dead code', places, customOps: [] } }
}
