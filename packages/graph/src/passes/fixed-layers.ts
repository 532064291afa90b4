import { mul } from '../functions/elementwise.js'
import { linear } from '../functions/layers.js'
import { reshape } from '../functions/shape.js'
import type { Attributes, Node, Value } from '../graph.js'
import type { GraphRewriter } from './graph-rewriter.js'

/** A linear layer whose weights are the same at each run: x w + b. */
export interface FixedLinear {
  /** [rows, K] */
  readonly x: Value
  /** [K, N] */
  readonly w: Value
  /** [N] */
  readonly b: Value | undefined
}

/** The layer of a `linear` node, its factors applied to the weights; undefined for other nodes and weights that vary. */
export function fixedLinear(
  rewriter: GraphRewriter,
  { op, attributes }: { op: string; attributes: Attributes },
  [x, w, b]: readonly Value[],
): FixedLinear | undefined {
  if (op !== 'linear' || !rewriter.isFixed(w!) || (b && !rewriter.isFixed(b))) return undefined
  const { alpha, beta } = attributes as { alpha: number; beta: number }
  return { x: x!, w: alpha === 1 ? w! : mul(w!, alpha), b: b && beta !== 1 ? mul(b, beta) : b }
}

/** A node of the new graph with its inputs. */
interface Found {
  readonly node: Node
  readonly x: readonly Value[]
  /** Read by others too, itself or a reshape on the way to it. */
  readonly shared: boolean
}

/** The node that computes a value, looking through reshapes that leave the last axis alone. */
export function behindReshapes(rewriter: GraphRewriter, value: Value): Found | undefined {
  const node = rewriter.producer(value)
  if (!node) return undefined
  const shared = rewriter.isShared(value)
  const x = node.inputs.map((id) => rewriter.builder.value(id))
  if (node.op !== 'reshape' || x[0]!.shape.at(-1) !== value.shape.at(-1)) return { node, x, shared }
  const found = behindReshapes(rewriter, x[0]!)
  return found && { ...found, shared: shared || found.shared }
}

/** The layer's output, in a shape of as many elements. */
export const outputOf = ({ x, w, b }: FixedLinear, shape: Value['shape']): Value => reshape(linear(x, w, b), shape)

/** The variable and the fixed operand of an elementwise node, the latter a number or one for each column. */
export function withFixedRow(
  rewriter: GraphRewriter,
  op: string,
  [left, right]: readonly Value[],
): { x: Value; c: Value } | undefined {
  const turned = (op === 'add' || op === 'mul') && rewriter.isFixed(left!)
  const [x, c] = turned ? [right!, left!] : [left!, right!]
  if (!rewriter.isFixed(c) || rewriter.isFixed(x)) return undefined
  const isRow = c.shape.length === 0 || (c.shape.length === 1 && c.shape[0] === x.shape.at(-1))
  return isRow ? { x, c } : undefined
}
