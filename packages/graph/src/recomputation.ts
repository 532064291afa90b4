import type { GraphBuilder } from './builder.js'
import { add, cast, mul } from './functions/elementwise.js'
import { reshape, slice } from './functions/shape.js'
import type { Node, Value } from './graph.js'
import { isFloat } from './tensor.js'

/**
 * A part of the forward pass whose values are not kept for the backward pass but computed again there (activation
 * checkpointing; Chen et al. 2016, "Training deep nets with sublinear memory cost").
 */
export class Recomputation {
  #again: Map<number, Value> | undefined

  constructor(
    readonly builder: GraphBuilder,
    readonly nodes: readonly Node[],
  ) {}

  /** The value computed again; `dy` is the gradient of one of the part's outputs. */
  value(id: number, dy: Value): Value {
    this.#again ??= this.#repeat(dy)
    return this.#again.get(id) ?? this.builder.value(id)
  }

  #repeat(dy: Value): Map<number, Value> {
    const { builder, nodes } = this
    const zero = zeroOf(dy)
    const again = new Map<number, Value>()
    const input = (id: number): Value => {
      const value = again.get(id) ?? tie(builder, id, zero)
      again.set(id, value)
      return value
    }
    for (const node of nodes) {
      const outputs = builder.at(node.path, () => builder.append(node.op, node.inputs.map(input), node.attributes))
      node.outputs.forEach((id, i) => {
        again.set(id, outputs[i]!)
      })
    }
    return again
  }
}

/** A scalar 0 that is known only when the gradient is. */
function zeroOf(dy: Value): Value {
  const corner = dy.shape.reduce<Value>((x, _, axis) => slice(x, { axis, start: 0, end: 1 }), dy)
  return mul(reshape(corner, []), 0)
}

/**
 * An input of the part, bound to the gradient: else its nodes would equal those of the forward pass, of which only one each is
 * kept, and could run before they are needed. What is resident anyway stays as it is.
 */
function tie(builder: GraphBuilder, id: number, zero: Value): Value {
  const value = builder.value(id)
  if (builder.isResident(id)) return value
  if (isFloat(value.dtype)) return add(value, cast(zero, value.dtype))
  // Seeds: dropout masks are large. (ONNX Runtime multiplies uint32 but does not add them.)
  return value.dtype === 'uint32' ? mul(value, cast(add(zero, 1), 'uint32')) : value
}

/** The part each node belongs to. */
export function recomputations(builder: GraphBuilder): Map<Node, Recomputation> {
  const parts = new Map<Node, Recomputation>()
  for (const [from, to] of builder.recomputedRanges) {
    const nodes = builder.nodes.slice(from, to)
    const part = new Recomputation(builder, nodes)
    for (const node of nodes) parts.set(node, part)
  }
  return parts
}
