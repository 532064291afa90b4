import type { GraphBuilder } from './builder.js'
import { printShape } from './dims.js'
import { GraphError } from './error.js'
import { add, sumOf } from './functions/elementwise.js'
import { reduceSum } from './functions/reductions.js'
import { expand, fill, reshape, zerosLike } from './functions/shape.js'
import type { Node, Value } from './graph.js'
import { ruleOf } from './ops/table.js'
import { type Recomputation, recomputations } from './recomputation.js'
import { type Differentiated, Rematerialisation } from './rematerialisation.js'
import { none, RuleViolation } from './rule.js'
import { isFloat } from './tensor.js'

/**
 * Appends the backward pass of a scalar loss and returns its gradient with respect to each value, in that order; zeros where
 * the loss does not depend on it. Reverse-mode differentiation: rules come from the table of ops, what they share is done
 * here. Several losses, of any shape, are summed with `weights` of that shape, through which no gradient flows.
 * Throws GraphError naming op and path where a gradient is needed that has no definition.
 */
export function gradients(loss: Value, wrt: readonly Value[], weights?: Value): Value[] {
  if (printShape(loss.shape) !== printShape(weights?.shape ?? []))
    throw new GraphError(weights ? 'loss and weights must have one shape' : 'the loss must be a scalar', {
      op: 'gradients',
      shapes: weights ? [loss.shape, weights.shape] : [loss.shape],
    })
  const builder = loss.builder as GraphBuilder
  const nodes = nodesBetween(builder, wrt, loss)
  const parts = recomputations(builder)
  const kept = new Rematerialisation(
    builder,
    nodes.filter(({ node }) => !parts.has(node)),
  )
  const pending = new Map<number, Value[]>([[loss.id, [weights ?? fill(builder, [], 1, loss.dtype)]]])
  const gradientOf = (id: number): Value | undefined => {
    const terms = pending.get(id)
    if (!terms) return undefined
    const sum = terms.length === 2 ? add(terms[0]!, terms[1]!) : sumOf(terms)
    pending.set(id, [sum])
    return sum
  }
  for (const { node, needs } of nodes.reverse()) {
    builder.at(node.path, () => {
      const dys = node.outputs.map(gradientOf)
      if (dys.every((dy) => dy === undefined)) return
      differentiate(node, dys, parts.get(node) ?? kept).forEach((dx, i) => {
        const id = node.inputs[i]!
        if (!dx || !needs[i]) return
        pending.set(id, [...(pending.get(id) ?? []), fit(dx, builder.value(id))])
      })
    })
  }
  return wrt.map((value) => builder.at('', () => gradientOf(value.id) ?? zerosLike(value)))
}

/** The nodes on a path from one of the values to the loss, and which of their inputs lie on it. */
function nodesBetween(builder: GraphBuilder, wrt: readonly Value[], loss: Value): Differentiated[] {
  const reached = new Set(wrt.map((v) => v.id))
  const forward: Differentiated[] = []
  for (const node of builder.nodes) {
    const needs = node.inputs.map((id) => reached.has(id) && isFloat(builder.value(id).dtype))
    if (!needs.some(Boolean) || ruleOf(node.op, node.path).grad === none) continue
    forward.push({ node, needs })
    for (const id of node.outputs) reached.add(id)
  }
  const wanted = new Set([loss.id])
  const between: Differentiated[] = []
  for (const entry of forward.reverse()) {
    if (!entry.node.outputs.some((id) => wanted.has(id))) continue
    for (const id of entry.node.inputs) wanted.add(id)
    between.push(entry)
  }
  return between.reverse()
}

function differentiate(
  node: Node,
  dys: (Value | undefined)[],
  kept: Recomputation | Rematerialisation,
): (Value | null)[] {
  const rule = ruleOf(node.op, node.path)
  const known = dys.find((dy) => dy !== undefined)!
  const x = node.inputs.map((id) => kept.value(id, known))
  const ys = node.outputs.map((id) => kept.value(id, known))
  const details = { op: node.op, path: node.path, shapes: x.map((v) => v.shape) }
  if (rule.grad === none) throw new GraphError('no gradient flows through this op', details)
  if (rule.saved !== undefined && dys.slice(rule.saved).some((dy) => dy !== undefined))
    throw new GraphError(
      'the gradient rule is missing for values it saved for the backward pass (second order)',
      details,
    )
  try {
    return rule.grad({ dys, dy: dys[0] ?? zerosLike(ys[0]!), ys, y: ys[0]!, attributes: node.attributes }, ...x)
  } catch (error) {
    if (error instanceof RuleViolation) throw new GraphError(error.message, details)
    throw error
  }
}

/** Sums a gradient over the axes along which its value was broadcast (or repeats it where the rule left that out). */
function fit(dx: Value, x: Value): Value {
  const extra = dx.shape.length - x.shape.length
  if (extra < 0) return expand(dx, x.shape)
  const axes = dx.shape.flatMap((d, i) => (i < extra || (x.shape[i - extra] === 1 && d !== 1) ? [i] : []))
  const summed = axes.length > 0 ? reduceSum(dx, axes, true) : dx
  return expand(reshape(summed, summed.shape.slice(extra)), x.shape)
}
