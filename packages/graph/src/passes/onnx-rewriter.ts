import { checkOnnx } from '../onnx/check.js'
import { type OnnxAttribute, type OnnxModel, type OnnxNode, readsOf } from '../onnx/model.js'
import type { Tensor } from '../tensor.js'
import type { PassReport, Place } from './report.js'

export interface PassedModel {
  readonly model: OnnxModel
  readonly report: PassReport
}

interface NewNode {
  domain?: string
  attributes?: Readonly<Record<string, OnnxAttribute>>
  /** Name of the first output; a new one by default. */
  output?: string
  outputs?: number
}

/** What passes over ONNX models share: nodes are copied or replaced in order, tensors added, places noted. */
export class OnnxRewriter {
  readonly nodes: OnnxNode[] = []
  readonly initializers: Map<string, Tensor>
  readonly #places: Place[] = []
  readonly #customOps = new Set<string>()
  readonly #taken: Set<string>

  constructor(
    readonly model: OnnxModel,
    readonly pass: string,
  ) {
    const { inputs, nodes, initializers } = model.graph
    this.initializers = new Map(initializers)
    this.#taken = new Set([...inputs.map((i) => i.name), ...nodes.flatMap((n) => n.outputs), ...initializers.keys()])
  }

  /** The tensor of a name that is the same at each run. */
  constant(name: string | undefined): Tensor | undefined {
    return name === undefined ? undefined : this.initializers.get(name)
  }

  keep(node: OnnxNode): void {
    this.nodes.push(node)
  }

  /** Appends a node near another, whose path it takes; returns the name of its first output. */
  emit(near: OnnxNode, opType: string, inputs: readonly string[], options: NewNode = {}): string {
    const { domain = '', attributes = {}, outputs = 1 } = options
    const name = this.fresh(`${near.name}/${opType}`)
    const first = options.output ?? name
    const rest = Array.from({ length: outputs - 1 }, (_, i) => this.fresh(`${name}:${i + 1}`))
    if (domain) this.#customOps.add(`${domain}.${opType}`)
    this.nodes.push({ name, opType, domain, inputs, outputs: [first, ...rest], attributes })
    return first
  }

  /** Adds a tensor under a name like the one given. */
  tensor(tensor: Tensor, name: string): string {
    const own = this.fresh(name)
    this.initializers.set(own, tensor)
    return own
  }

  fresh(name: string): string {
    let own = name
    for (let i = 1; this.#taken.has(own); i++) own = `${name}_${i}`
    this.#taken.add(own)
    return own
  }

  applied(node: OnnxNode, what: string): void {
    this.#places.push({ at: node.name, op: node.opType, applied: true, what })
  }

  /** Keeps the node and notes why. */
  skip(node: OnnxNode, why: string): void {
    this.#places.push({ at: node.name, op: node.opType, applied: false, what: why })
    this.keep(node)
  }

  /** The model with the new nodes, without tensors that nobody reads any more; checked. */
  finish(): PassedModel {
    const { graph } = this.model
    const read = new Set([...this.nodes.flatMap(readsOf), ...graph.outputs.map((o) => o.name)])
    const initializers = new Map([...this.initializers].filter(([name]) => read.has(name)))
    const model = { ...this.model, graph: { ...graph, nodes: this.nodes, initializers } }
    checkOnnx(model)
    return { model, report: { pass: this.pass, places: this.#places, customOps: [...this.#customOps] } }
  }
}

/** A number among a node's attributes. */
export function numberOf(node: OnnxNode, name: string, otherwise: number): number {
  const attribute = node.attributes[name]
  return attribute?.kind === 'int' || attribute?.kind === 'float' ? attribute.value : otherwise
}

/** How many nodes read each name, bodies of loops and graph outputs included. */
export function readCounts({ graph }: OnnxModel): Map<string, number> {
  const counts = new Map<string, number>()
  for (const name of [...graph.nodes.flatMap(readsOf), ...graph.outputs.map((o) => o.name)])
    counts.set(name, (counts.get(name) ?? 0) + 1)
  return counts
}
