import { add, div, mul, neg, sqrt, sub } from '../functions/elementwise.js'
import { linear, matMul } from '../functions/layers.js'
import { expand, reshape } from '../functions/shape.js'
import type { Graph, Node, Value } from '../graph.js'
import { behindReshapes, type FixedLinear, fixedLinear, outputOf, withFixedRow } from './fixed-layers.js'
import { GraphRewriter, type PassedGraph } from './graph-rewriter.js'

interface Fusion {
  /** In place of the node's first output. */
  readonly value: Value
  readonly what: string
}

/** A sentence says why the rule did not apply; undefined, that it is about other nodes. */
type Rule = (rewriter: GraphRewriter, node: Node, x: readonly Value[]) => Fusion | string | undefined

/**
 * Moves into weights what need not be computed at each run, for a model that is no longer trained. Works on our graphs, where
 * the rules are algebra over whole layers: new weights are written as nodes over parameters, type-checked as all others, and
 * become numbers by `foldConstants` once the weights are given.
 *
 * What ONNX Runtime fuses by itself is not here: transposes and scales into products, GELU, biases, activations.
 */
export function fuseForInference(graph: Graph): PassedGraph {
  const rewriter = new GraphRewriter(graph, 'inference fusions')
  for (const node of graph.nodes) {
    const result = rewriter.builder.at(node.path, () => rules[node.op]?.(rewriter, node, rewriter.inputsOf(node)))
    if (result === undefined) rewriter.copy(node)
    else if (typeof result === 'string') rewriter.skip(node, result)
    else rewriter.replace(node, [result.value], result.what)
  }
  return rewriter.finish()
}

const readElsewhere = 'what is before it is read elsewhere too'

/** Dropout does nothing outside of training. */
const dropDropout: Rule = (rewriter, node, [x]) =>
  rewriter.readers(node.outputs[1]!) > 0
    ? 'its mask is read, as a backward pass does'
    : { value: x!, what: 'removed, it acts in training only' }

/** (x w + b) c = x (w c) + b c, and so on for the other three; c is a number or a row. */
const intoLinearBefore: Rule = (rewriter, node, inputs) => {
  const operands = withFixedRow(rewriter, node.op, inputs)
  const before = operands && behindReshapes(rewriter, operands.x)
  const layer = before && fixedLinear(rewriter, before.node, before.x)
  if (!layer) return undefined
  if (before.shared) return readElsewhere
  const { w, b } = layer
  const { x, c } = operands
  const N = w.shape[1]!
  const next = {
    mul: () => ({ w: mul(w, c), b: b && mul(b, c) }),
    div: () => ({ w: div(w, c), b: b && div(b, c) }),
    add: () => ({ w, b: b ? add(b, c) : expand(c, [N]) }),
    sub: () => ({ w, b: b ? sub(b, c) : expand(neg(c), [N]) }),
  }[node.op as 'mul' | 'div' | 'add' | 'sub']()
  return { value: outputOf({ x: layer.x, ...next }, x.shape), what: 'went into the layer before it' }
}

/** What stands before a linear layer goes into its weights, as long as there is something. */
const intoLinearAfter: Rule = (rewriter, node, inputs) => {
  let layer = fixedLinear(rewriter, node, inputs)
  if (!layer) return undefined
  const done: string[] = []
  for (;;) {
    const next: Absorbed | string | undefined = absorbBefore(rewriter, layer)
    if (typeof next === 'object') {
      layer = next.layer
      done.push(next.what)
    } else if (done.length > 0) return { value: linear(layer.x, layer.w, layer.b), what: `took in ${done.join(', ')}` }
    else return next
  }
}

interface Absorbed {
  readonly layer: FixedLinear
  readonly what: string
}

function absorbBefore(rewriter: GraphRewriter, layer: FixedLinear): Absorbed | string | undefined {
  const before = behindReshapes(rewriter, layer.x)
  if (!before) return undefined
  const { node, x, shared } = before
  const inner = fixedLinear(rewriter, node, x)
  if (inner) return shared ? readElsewhere : joinLinears(inner, layer, node.path)
  if (!['add', 'sub', 'mul', 'div'].includes(node.op)) return undefined
  const operands = withFixedRow(rewriter, node.op, x)
  if (!operands) return undefined
  if (shared) return readElsewhere
  const { w } = layer
  const K = w.shape[0]!
  // A factor scales the weight's rows, a summand is multiplied by them: (x + c) w + b = x w + (c w + b).
  const column = () => reshape(expand(operands.c, [K]), [K, 1])
  const shifted = (c: Value) => throughLinear(expand(c, [K]), layer)
  const next = {
    mul: () => ({ w: mul(w, column()), b: layer.b }),
    div: () => ({ w: div(w, column()), b: layer.b }),
    add: () => ({ w, b: shifted(operands.c) }),
    sub: () => ({ w, b: shifted(neg(operands.c)) }),
  }[node.op as 'mul' | 'div' | 'add' | 'sub']()
  return { layer: { x: reshape(operands.x, layer.x.shape), ...next }, what: `the ${node.op} before it` }
}

/** (x w1 + b1) w2 + b2 = x (w1 w2) + (b1 w2 + b2), where that is not more work. */
function joinLinears(first: FixedLinear, second: FixedLinear, path: string): Absorbed | string {
  const [K, M, N] = [first.w.shape[0], first.w.shape[1], second.w.shape[1]].map(Number) as [number, number, number]
  if (K * N > M * (K + N)) return `one layer of ${K} x ${N} weights is more work than ${K} x ${M} and ${M} x ${N}`
  const b = first.b ? throughLinear(first.b, second) : second.b
  return { layer: { x: first.x, w: matMul(first.w, second.w), b }, what: `the linear layer before it, ${path}` }
}

/** A fixed row put through a layer. */
const throughLinear = (row: Value, { w, b }: FixedLinear): Value =>
  reshape(linear(reshape(row, [1, w.shape[0]!]), w, b), [w.shape[1]!])

/** With s = γ / √(variance + ε): γ (w * x + b - mean) / √… + β = (s w) * x + (b - mean) s + β, one filter a channel. */
const batchNormIntoLayer: Rule = (rewriter, { attributes }, [x, ...statistics]) => {
  const [gamma, beta, mean, variance] = statistics as [Value, Value, Value, Value]
  const before = rewriter.producer(x!)
  if (before?.op !== 'conv' && before?.op !== 'linear') return 'there is no convolution or linear layer before it'
  const [input, w, b] = before.inputs.map((id) => rewriter.builder.value(id)) as [Value, Value, Value?]
  if (![w, ...(b ? [b] : []), ...statistics].every((v) => rewriter.isFixed(v))) return 'its statistics or weights vary'
  if (rewriter.isShared(x!)) return readElsewhere
  const s = div(gamma, sqrt(add(variance, Number(attributes['eps']))))
  const shift = (bias: Value | undefined) => add(mul(bias ? sub(bias, mean) : neg(mean), s), beta)
  const what = 'went into the weights of the layer before it'
  const layer = fixedLinear(rewriter, before, [input, w, ...(b ? [b] : [])])
  if (layer) return { value: outputOf({ x: input, w: mul(layer.w, s), b: shift(layer.b) }, x!.shape), what }
  const filters = reshape(s, [w.shape[0]!, ...w.shape.slice(1).map(() => 1)])
  const [value] = rewriter.builder.append('conv', [input, mul(w, filters), shift(b)], before.attributes)
  return { value: value!, what }
}

const rules: Readonly<Record<string, Rule>> = {
  dropout: dropDropout,
  add: intoLinearBefore,
  sub: intoLinearBefore,
  mul: intoLinearBefore,
  div: intoLinearBefore,
  linear: intoLinearAfter,
  fixedBatchNorm: batchNormIntoLayer,
}
