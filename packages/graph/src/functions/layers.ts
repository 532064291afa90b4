import { type Dim, printShape, type Shape, sizeOf } from '../dims.js'
import { GraphError } from '../error.js'
import type { Value } from '../graph.js'
import { apply, axisOf } from './apply.js'
import { cast, greater, where } from './elementwise.js'
import { reduceMax } from './reductions.js'
import { reshape, unsqueeze } from './shape.js'

export interface MatMulOptions {
  transA?: boolean
  transB?: boolean
  alpha?: number
}

/** alpha · a @ b over the last two axes; leading axes broadcast. Both have at least two dimensions. */
export function matMul(a: Value, b: Value, { transA = false, transB = false, alpha = 1 }: MatMulOptions = {}): Value {
  if (a.shape.length > 2 && b.shape.length === 2 && !transA) {
    const rows = a.shape.slice(0, -1)
    const product = matMul(flattenRows(a), b, { transB, alpha })
    return reshape(product, [...rows, product.shape[1]!])
  }
  return apply('matMul', [a, b], { transA, transB, alpha })
}

/** alpha · x @ w + beta · b. x [..., in], w [in, out], b [out] -> [..., out]. */
export function linear(x: Value, w: Value, b?: Value, { alpha = 1, beta = 1 } = {}): Value {
  const y = apply('linear', [flattenRows(x), w, ...(b ? [b] : [])], { alpha, beta })
  return reshape(y, [...x.shape.slice(0, -1), y.shape[1]!])
}

/**
 * linear, exact GELU, linear in one op. x [..., in], w1 [in, hidden], b1 [hidden], w2 [hidden, out], b2 [out] -> [..., out];
 * both biases or none.
 */
export function feedForward(x: Value, w1: Value, b1: Value | undefined, w2: Value, b2: Value | undefined): Value {
  const y = apply('feedForward', [flattenRows(x), w1, ...(b1 ? [b1] : []), w2, ...(b2 ? [b2] : [])])
  return reshape(y, [...x.shape.slice(0, -1), y.shape[1]!])
}

/** e^x over its sum along the axis; the shape of x, each line sums to 1. */
export const softmax = (x: Value, axis = -1): Value => apply('softmax', [x], { axis: axisOf(x, axis, 'softmax') })
/** Logarithm of softmax, also where softmax is too small for a float. */
export const logSoftmax = (x: Value, axis = -1): Value =>
  apply('logSoftmax', [x], { axis: axisOf(x, axis, 'logSoftmax') })

/** (x - mean) / sqrt(variance + eps) · gamma + beta over the last axis (Ba et al. 2016). gamma, beta [H]. */
export function layerNorm(x: Value, gamma: Value, beta: Value, eps = 1e-5): Value {
  const y = apply('layerNorm', [flattenRows(x), gamma, beta], { eps })
  return reshape(y, x.shape)
}

/** Largest element over time. x [B, T, C], mask bool [B, T] (true = real) -> [B, C]; 0 where all is masked. */
export function maxOverTime(x: Value, mask?: Value): Value {
  if (!mask) return reduceMax(x, 1)
  const lowest = -1e30
  const largest = reduceMax(where(unsqueeze(mask, 2), x, lowest), 1)
  return where(greater(largest, lowest), largest, 0)
}

/**
 * Weighted sum of table rows. rows [U, H], index int64 [B, n] into rows, weights [B, n] (0 = padding) -> [B, H].
 */
export const embeddingBag = (rows: Value, index: Value, weights: Value): Value =>
  apply('embeddingBag', [rows, index, weights])

export interface DropoutOptions {
  /** Makes masks of one seed differ; default: a number of x's own. */
  salt?: number
  /** uint32 scalar: the place of x's first row in a batch of which x is a share, default 0. */
  firstRow?: Value
}

/**
 * Sets elements to 0 with probability p and scales the rest by 1/(1-p). The mask is a hash of row (the first axis), place in the
 * row, seed and salt, so the same seed gives the same mask again, on any machine, and rows padded further or shared out the mask
 * they had. seed: uint32 scalar; feed a well mixed one at each step.
 */
export function dropout(x: Value, p: number, seed: Value, { salt = x.id, firstRow }: DropoutOptions = {}): Value {
  if (!(p >= 0 && p < 1))
    throw new GraphError(`the probability must be in [0, 1), found ${p}`, { op: 'dropout', path: x.builder.path })
  return p === 0 ? x : apply('dropout', firstRow ? [x, seed, firstRow] : [x, seed], { p, salt })
}

export interface CrossEntropyOptions {
  /** One weight a class, [V]. */
  weights?: Value
  /** One weight a row, [N]. */
  rowWeights?: Value
  /** Share of the probability spread evenly over all classes, [0, 1). */
  smoothing?: number
}

/**
 * Mean over rows of -log softmax(logits)[label]; with weights, the weighted mean. logits [N, V], labels int64 [N], negative =
 * masked -> scalar, 0 when all rows are masked. No gradient flows to labels or weights.
 */
export function crossEntropy(logits: Value, labels: Value, options: CrossEntropyOptions = {}): Value {
  const { weights, rowWeights, smoothing = 0 } = options
  const inputs = [logits, labels, ...(weights ? [weights] : []), ...(rowWeights ? [rowWeights] : [])]
  return apply('crossEntropy', inputs, {
    smoothing,
    classWeights: weights !== undefined,
    rowWeights: rowWeights !== undefined,
  })
}

/**
 * Mean of the logistic loss of targets in [0, 1], with a mask the mask-weighted mean. logits, targets, mask: one shape ->
 * scalar, 0 when all is masked. Targets may be NaN where the mask is 0. No gradient flows to the mask.
 */
export const binaryCrossEntropy = (logits: Value, targets: Value, { mask }: { mask?: Value } = {}): Value =>
  apply('binaryCrossEntropy', [logits, targets, ...(mask ? [cast(mask, logits.dtype)] : [])])

/** [..., H] as [rows, H]. */
export function flattenRows(x: Value): Value {
  if (x.shape.length < 1)
    throw new GraphError(`expected at least one dimension, found ${printShape(x.shape)}`, { path: x.builder.path })
  return reshape(x, [sizeOf(x.shape.slice(0, -1)) as Dim, x.shape.at(-1)!] satisfies Shape)
}
