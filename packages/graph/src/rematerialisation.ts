import type { GraphBuilder } from './builder.js'
import { reshape } from './functions/shape.js'
import type { Node, Value } from './graph.js'
import { ruleOf } from './ops/table.js'

/** A node whose gradient rule runs, and which of its inputs a gradient is wanted for. */
export interface Differentiated {
  readonly node: Node
  readonly needs: readonly boolean[]
}

/**
 * What the backward pass reads of the forward pass. Results that cost next to nothing to make from others that are kept anyway
 * are made again where they are read instead of being kept as well (Chen et al. 2016, "Training deep nets with sublinear memory
 * cost"): a normalised layer from its input and statistics, an activated one from its input and gate. The op's `again` says how.
 * Unlike those of a `Recomputation` these nodes need not wait for the gradient: none equals a node of the forward pass, so
 * nothing is shared with it, and ONNX Runtime runs a node just before the first that reads it.
 */
export class Rematerialisation {
  readonly #makers = new Map<number, Differentiated>()
  readonly #read = new Map<number, Value>()

  constructor(
    readonly builder: GraphBuilder,
    differentiated: readonly Differentiated[],
  ) {
    for (const maker of differentiated) this.#makers.set(maker.node.outputs[0]!, maker)
  }

  /** The value itself, or the same numbers made again. */
  value(id: number): Value {
    const value = this.#read.get(id) ?? this.#again(id) ?? this.builder.value(id)
    this.#read.set(id, value)
    return value
  }

  #again(id: number): Value | undefined {
    const maker = this.#makers.get(id)
    if (!maker) return undefined
    const { node, needs } = maker
    const { op, path, attributes } = node
    const { builder } = this
    // A view costs nothing, but would keep what it is a view of.
    if (op === 'reshape') {
      const x = this.value(node.inputs[0]!)
      return x.id === node.inputs[0] ? undefined : builder.at(path, () => reshape(x, builder.value(id).shape))
    }
    const { again } = ruleOf(op, path)
    if (!again) return undefined
    const x = node.inputs.map((input) => this.value(input))
    const ys = node.outputs.map((output) => builder.value(output))
    return builder.at(path, () => again({ ys, needs, attributes }, ...x))
  }
}
