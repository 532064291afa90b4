import type { GraphBuilder } from './builder.js'
import { addDims, type Dim, divideDims, multiplyDims, type Shape, sizeOf } from './dims.js'
import { GraphError } from './error.js'
import { add, cast, div, equal, exp, minimum, mul, sqrt, square, sub, sumOf } from './functions/elementwise.js'
import { matMul } from './functions/layers.js'
import { reduceSum, reduceSumSquare } from './functions/reductions.js'
import { concat, fill, pad, reshape, scatterElementsAdd, slice, unsqueeze } from './functions/shape.js'
import { gradients } from './gradients.js'
import type { Node, Value } from './graph.js'
import { spatial, type Window } from './ops/windows.js'

/** A node that reads a parameter, with the gradient of its output, summed over no examples. */
interface Use {
  readonly node: Node
  /** Which of the inputs is the parameter. */
  readonly which: number
  readonly x: readonly Value[]
  readonly ys: readonly Value[]
  readonly dy: Value
  /** Number of examples. */
  readonly batch: Dim
}

/** What one use adds to the gradient of each example, [B, ...parameter], and where it is cheaper its squared norm [B]. */
interface Part {
  gradient(): Value
  squares?(): Value
}

/**
 * The norm of each example's gradient with respect to all the parameters together, without making these gradients (ghost norms:
 * Goodfellow 2015; Li et al. 2022; Bu et al. 2022): losses [B], one an example -> [B]. No gradient flows through it. The first axis of
 * every activation must be the batch, possibly times others. Throws GraphError for a use of a parameter it has no rule for, and
 * for batch norm, where an example has no gradient of its own.
 */
export function exampleGradientNorms(losses: Value, parameters: readonly Value[]): Value {
  const builder = losses.builder as GraphBuilder
  const [batch] = losses.shape
  if (losses.shape.length !== 1)
    throw new GraphError('the losses must be [B], one for each example', {
      op: 'exampleGradientNorms',
      shapes: [losses.shape],
    })
  const readers = readersOf(builder, losses, parameters)
  const outputs = readers.map(({ node }) => builder.value(node.outputs[0]!))
  const slopes = gradients(losses, outputs, fill(builder, [batch!], 1, losses.dtype))
  const squares = parameters.flatMap((parameter) => {
    const parts = readers.flatMap(({ node }, i) =>
      node.inputs.flatMap((id, which) => {
        if (id !== parameter.id) return []
        const [x, ys] = [node.inputs, node.outputs].map((ids) => ids.map((one) => builder.value(one)))
        return [builder.at(node.path, () => partOf({ node, which, x: x!, ys: ys!, dy: slopes[i]!, batch: batch! }))]
      }),
    )
    if (parts.length === 0) return []
    const [only] = parts
    if (parts.length === 1 && only!.squares) return [only!.squares()]
    const whole = parts.map((part) => part.gradient()).reduce(add)
    return [reduceSumSquare(reshape(whole, [batch!, sizeOf(parameter.shape)]), 1)]
  })
  return squares.length === 0 ? fill(builder, [batch!], 0, losses.dtype) : sqrt(sumOf(squares))
}

/**
 * The sum over examples of their gradients, each first scaled down to the norm given if it is longer (Abadi et al. 2016): two
 * backward passes, no example's gradient is ever made. losses [B] -> a gradient for each parameter, and the norms [B] before.
 */
export function clippedGradients(
  losses: Value,
  parameters: readonly Value[],
  norm: number,
): { gradients: Value[]; norms: Value } {
  if (!(norm > 0)) throw new GraphError(`the largest norm must be above 0, found ${norm}`, { op: 'clippedGradients' })
  const norms = exampleGradientNorms(losses, parameters)
  const weights = minimum(div(norm, add(norms, 1e-12)), 1)
  return { gradients: gradients(losses, parameters, weights), norms }
}

/** The nodes that read one of the parameters on the way to the losses. */
function readersOf(builder: GraphBuilder, losses: Value, parameters: readonly Value[]): { node: Node }[] {
  const wanted = new Set([losses.id])
  const before = builder.nodes.toReversed().filter((node) => {
    if (!node.outputs.some((id) => wanted.has(id))) return false
    for (const id of node.inputs) wanted.add(id)
    return true
  })
  const mixing = before.find((node) => node.op === 'batchNorm')
  if (mixing)
    throw new GraphError('the examples of a batch share its statistics, so none has a gradient of its own', {
      op: mixing.op,
      path: mixing.path,
    })
  const ids = new Set(parameters.map(({ id }) => id))
  return before.reverse().flatMap((node) => (node.inputs.some((id) => ids.has(id)) ? [{ node }] : []))
}

function partOf(use: Use): Part {
  const { node, which, x, dy, batch } = use
  const rule = rules[node.op]?.(use)
  if (rule) return rule
  throw new GraphError(`there is no rule for the gradients of single examples of input ${which}`, {
    op: node.op,
    path: node.path,
    shapes: [...x.map(({ shape }) => shape), dy.shape, [batch]],
  })
}

const rules: Readonly<Record<string, (use: Use) => Part | undefined>> = {
  linear: ({ which, x: [x], dy, batch, node }) => {
    const { alpha, beta } = node.attributes as { alpha: number; beta: number }
    return which === 1
      ? productPart(scaled(x!, alpha), dy, batch)
      : which === 2
        ? sumPart(scaled(dy, beta), batch)
        : undefined
  },
  matMul: ({ which, x: [a, b], dy, batch, node }) => {
    const { transA, transB, alpha } = node.attributes as { transA: boolean; transB: boolean; alpha: number }
    if (which !== 1 || transA || a!.shape.length !== 2 || b!.shape.length !== 2) return undefined
    const left = scaled(a!, alpha)
    return transB ? productPart(dy, left, batch) : productPart(left, dy, batch)
  },
  feedForward: ({ which, x, ys: [, z, gate], dy, batch }) => {
    const [input, w1, , w2] = x.length === 3 ? [x[0], x[1], undefined, x[2]] : x
    const root = Math.SQRT1_2
    const dz = () => {
      const slope = add(gate!, mul(z!, exp(sub(Math.log(2 / Math.sqrt(Math.PI)), square(z!)))))
      return mul(matMul(dy, w2!, { transB: true, alpha: root }), slope)
    }
    const parameter = x[which]
    if (parameter === w1) return productPart(scaled(input!, root), dz(), batch)
    if (parameter === w2) return productPart(scaled(mul(gate!, z!), root), dy, batch)
    return which === 2 ? sumPart(scaled(dz(), root), batch) : which === 4 ? sumPart(dy, batch) : undefined
  },
  layerNorm: ({ which, x: [x], ys: [, mean, inverse], dy, batch }) => {
    if (which === 0) return undefined
    return sumPart(which === 2 ? dy : mul(dy, mul(sub(x!, mean!), inverse!)), batch)
  },
  add: ({ which, x, dy, batch }) => broadcastPart(dy, x[which]!, batch),
  mul: ({ which, x, dy, batch }) => broadcastPart(mul(dy, x[1 - which]!), x[which]!, batch),
  gather: ({ which, x: [table, ids], dy, batch, node }) =>
    which === 0 && node.attributes['axis'] === 0 ? rowsPart(table!, ids!, dy, batch) : undefined,
  embeddingBag: ({ which, x: [rows, index, weights], dy, batch }) => {
    if (which !== 0) return undefined
    return rowsPart(rows!, index!, mul(unsqueeze(dy, 1), unsqueeze(weights!, 2)), batch)
  },
  conv: ({ which, x: [x, w], dy, node }) => {
    if (which === 0) return undefined
    const conv = node.attributes as unknown as Convolution
    if (which === 1) return { gradient: () => convolutionGradients(x!, w!, dy, conv) }
    return {
      gradient: () =>
        reduceSum(
          dy,
          spatial(dy.shape).map((_, i) => i + 2),
        ),
    }
  },
}

const scaled = (x: Value, by: number) => (by === 1 ? x : mul(x, by))

/** [rows, H] as [B, rows / B, H]. */
function byExample(x: Value, batch: Dim): Value {
  const rows = x.shape[0]!
  const each = divideDims(rows, batch)
  if (each === undefined)
    throw new GraphError(`${rows} rows are no multiple of the ${batch} examples`, {
      op: 'exampleGradientNorms',
      path: x.builder.path,
      shapes: [x.shape],
    })
  return reshape(x, [batch, each, ...x.shape.slice(1)])
}

/**
 * Σ_t x_t dy_tᵀ of each example: x [B T, I], dy [B T, O]. Its squared norm is Σ_tt' (x_t · x_t')(dy_t · dy_t'), which is cheaper than the
 * product itself where 2 T² < I O (Bu et al. 2022).
 */
function productPart(x: Value, dy: Value, batch: Dim): Part {
  const [rows, slopes] = [byExample(x, batch), byExample(dy, batch)]
  const steps = rows.shape[1]!
  const gradient = () => matMul(rows, slopes, { transA: true })
  if (steps === 1)
    return { gradient, squares: () => mul(reduceSumSquare(rows, [1, 2]), reduceSumSquare(slopes, [1, 2])) }
  const direct = typeof steps === 'number' && 2 * steps ** 2 > Number(sizeOf([x.shape[1]!, dy.shape[1]!]))
  if (direct) return { gradient }
  const gram = (v: Value) => matMul(v, v, { transB: true })
  return { gradient, squares: () => reduceSum(mul(gram(rows), gram(slopes)), [1, 2]) }
}

/** The rows of each example summed: [B T, H]. */
const sumPart = (dy: Value, batch: Dim): Part => ({ gradient: () => reduceSum(byExample(dy, batch), 1) })

/** A parameter that was broadcast over at least the batch. */
function broadcastPart(dy: Value, parameter: Value, batch: Dim): Part | undefined {
  const { shape } = parameter
  const extra = dy.shape.length - shape.length
  if (extra < 1 && shape[0] !== 1) return undefined
  const own = byExample(dy, batch)
  const kept = [batch, ...shape]
  const axes = own.shape.flatMap((_, i) => {
    const at = i - 1 - extra
    return i > 0 && (at < 0 || shape[at] === 1) ? [i] : []
  })
  return { gradient: () => reshape(axes.length > 0 ? reduceSum(own, axes) : own, kept) }
}

/** Rows of a table: ids [B, ...], dy [B, ..., H]. Rows of one id add up: Σ_tt' [id_t = id_t'] dy_t · dy_t'. */
function rowsPart(table: Value, ids: Value, dy: Value, batch: Dim): Part | undefined {
  if (ids.shape[0] !== batch) return undefined
  const [height, width] = [table.shape[0]!, sizeOf(table.shape.slice(1))]
  const count = sizeOf(ids.shape.slice(1))
  const [own, slopes] = [reshape(ids, [batch, count]), reshape(dy, [batch, count, width])]
  return {
    gradient() {
      const none = fill(dy.builder, [batch, count, height], 0, dy.dtype)
      const one = fill(dy.builder, [batch, count, 1], 1, dy.dtype)
      return matMul(scatterElementsAdd(none, unsqueeze(own, 2), one, 2), slopes, { transA: true })
    },
    squares() {
      const alike = cast(equal(unsqueeze(own, 2), unsqueeze(own, 1)), dy.dtype)
      return reduceSum(mul(alike, matMul(slopes, slopes, { transB: true })), [1, 2])
    },
  }
}

interface Convolution extends Window {
  groups: number
}

/** [B, M, C / groups, ...kernel]: tap by tap, the product of the slopes with what the tap saw. */
function convolutionGradients(x: Value, w: Value, dy: Value, { strides, pads, dilations, groups }: Convolution): Value {
  const [batch, channels] = x.shape as [Dim, Dim]
  const filters = dy.shape[1]!
  const kernel = spatial(w.shape).map(Number)
  const counts = spatial(dy.shape)
  const places = sizeOf(counts)
  const grouped = (value: Value, each: Dim) =>
    reshape(value, [batch, groups, divideDims(each, groups)!, places] satisfies Shape)
  const padded = kernel.reduce((value, _, i) => pad(value, i + 2, pads[i]!, pads[i + kernel.length]!), x)
  const taps = kernel.reduce<number[][]>(
    (all, k) => all.flatMap((tap) => Array.from({ length: k }, (_, j) => [...tap, j])),
    [[]],
  )
  const products = taps.map((tap) => {
    const seen = tap.reduce((value, j, i) => {
      const start = j * dilations[i]!
      const end = addDims(start, multiplyDims(strides[i]!, addDims(counts[i]!, -1)), 1)
      return slice(value, { axis: i + 2, start, end, step: strides[i]! })
    }, padded)
    const product = matMul(grouped(dy, filters), grouped(seen, channels), { transB: true })
    return reshape(product, [batch, filters, w.shape[1]!, 1])
  })
  return reshape(concat(products, 3), [batch, ...w.shape])
}
