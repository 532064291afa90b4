import { GraphBuilder } from '../builder.js'
import { checkGraph } from '../check.js'
import type { Graph, Node, Value } from '../graph.js'
import type { PassReport, Place } from './report.js'

export interface PassedGraph {
  readonly graph: Graph
  readonly report: PassReport
}

/** What passes over our graphs share: a new graph is built node by node beside the old one, places are noted. */
export class GraphRewriter {
  readonly builder: GraphBuilder
  readonly #values = new Map<number, Value>()
  readonly #places: Place[] = []
  readonly #readers = new Map<number, number>()
  /** Readers in the old graph, by value of the new graph. */
  readonly #reads = new Map<number, number>()
  readonly #producers = new Map<number, Node>()
  readonly #fixed = new Set<number>()
  #seen = 0

  constructor(
    readonly graph: Graph,
    readonly pass: string,
  ) {
    this.builder = new GraphBuilder(graph.name)
    const { inputs, parameters, constants, values, nodes, outputs } = graph
    for (const id of [...nodes.flatMap((n) => n.inputs), ...outputs.map((o) => o.value)])
      this.#readers.set(id, (this.#readers.get(id) ?? 0) + 1)
    for (const { name, value } of inputs) {
      const { dtype, shape } = values[value]!
      this.define(value, this.builder.input(name, dtype, shape))
    }
    for (const { path, value, trainable } of parameters) {
      const { dtype, shape } = values[value]!
      this.define(value, this.builder.parameter(path, shape as number[], { trainable, dtype }))
      this.#fixed.add(this.value(value).id)
    }
    for (const { value, tensor } of constants) {
      this.define(value, this.builder.constant(tensor.data, { dtype: tensor.dtype, shape: tensor.dims }))
      this.#fixed.add(this.value(value).id)
    }
  }

  /** The new graph's value for a value of the old one. */
  value(id: number): Value {
    return this.#values.get(id)!
  }

  inputsOf(node: Node): Value[] {
    return node.inputs.map((id) => this.value(id))
  }

  define(id: number, value: Value): void {
    this.#values.set(id, value)
    this.#reads.set(value.id, (this.#reads.get(value.id) ?? 0) + this.readers(id))
  }

  copy(node: Node): void {
    const outputs = this.builder.at(node.path, () => this.builder.append(node.op, this.inputsOf(node), node.attributes))
    node.outputs.forEach((id, i) => {
      this.define(id, outputs[i]!)
    })
  }

  /** Gives a node's outputs other values. */
  replace(node: Node, values: readonly Value[], what: string): void {
    values.forEach((value, i) => {
      this.define(node.outputs[i]!, value)
    })
    this.note(node, true, what)
  }

  /** Copies a node and says why it was left as it is. */
  skip(node: Node, why: string): void {
    this.copy(node)
    this.note(node, false, why)
  }

  note({ op, path }: Node, applied: boolean, what: string): void {
    this.#places.push({ at: path || '(top)', op, applied, what })
  }

  /** How many nodes and outputs of the old graph read a value of the old graph. */
  readers(id: number): number {
    return this.#readers.get(id) ?? 0
  }

  /** Whether more than one node or output of the old graph reads what became this value. */
  isShared(value: Value): boolean {
    return (this.#reads.get(value.id) ?? 0) > 1
  }

  /** The new graph's node that computes a value; undefined for inputs, parameters and constants. */
  producer(value: Value): Node | undefined {
    this.#catchUp()
    return this.#producers.get(value.id)
  }

  /** Whether a value is the same at each run: made of parameters and constants alone. */
  isFixed(value: Value): boolean {
    this.#catchUp()
    return this.#fixed.has(value.id)
  }

  finish(): PassedGraph {
    const { outputs } = this.graph
    const graph = this.builder.build(outputs.map(({ name, value }) => ({ name, value: this.value(value).id })))
    checkGraph(graph)
    return { graph, report: { pass: this.pass, places: this.#places, customOps: [] } }
  }

  #catchUp(): void {
    const { nodes } = this.builder
    for (; this.#seen < nodes.length; this.#seen++) {
      const node = nodes[this.#seen]!
      const fixed = node.inputs.length > 0 && node.inputs.every((id) => this.#fixed.has(id))
      for (const id of node.outputs) {
        this.#producers.set(id, node)
        if (fixed) this.#fixed.add(id)
      }
    }
  }
}
