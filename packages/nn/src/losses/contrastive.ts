import {
  add,
  concat,
  crossEntropy,
  div,
  equal,
  GraphError,
  matMul,
  maximum,
  mul,
  range,
  reduceSum,
  relu,
  sqrt,
  square,
  sub,
  transpose,
  unsqueeze,
  type Value,
  where,
} from '@volant/graph'
import { NnError } from '../errors.js'
import { type MeanOptions, meanOf } from './mean.js'

/** Rows divided by their lengths: x [..., D] -> [..., D]; a row of zeros stays one. */
export function unitLength(x: Value): Value {
  return div(x, sqrt(maximum(reduceSum(square(x), -1, true), 1e-12)))
}

/** Cosine of the angle between rows: a, b [..., D] -> [...]. */
export const cosineSimilarity = (a: Value, b: Value): Value => reduceSum(mul(unitLength(a), unitLength(b)), -1)

export interface ContrastiveOptions extends MeanOptions {
  /** Similarities are divided by it, default 0.05. */
  readonly temperature?: number
  /** `both` (default) also lets every positive tell its anchor from the others; `anchors` is one direction. */
  readonly direction?: 'both' | 'anchors'
  /** [M, D]: further negatives of all anchors, such as hard ones. */
  readonly negatives?: Value
  /** int64 [B]: rows of one group (the same question, the same label) are no negatives of each other. */
  readonly groups?: Value
}

const unlike = -1e9

/**
 * Contrastive loss with in-batch negatives (InfoNCE, van den Oord et al. 2018; multiple negatives ranking, Henderson et al.
 * 2017): cross-entropy of each anchor's own positive among those of all rows, by cosine over temperature. anchors, positives
 * [B, D], mask [B] -> scalar. A masked row still serves as a negative of the others.
 */
export function contrastiveLoss(anchors: Value, positives: Value, options: ContrastiveOptions = {}): Value {
  const { temperature = 0.05, direction = 'both', negatives, groups, mask } = options
  if (!(temperature > 0))
    throw new NnError('bad-temperature', `contrastiveLoss: temperature is ${temperature}, expected a number above 0`, {
      temperature,
    })
  if (anchors.shape.length !== 2 || anchors.shape.join() !== positives.shape.join())
    throw new GraphError('anchors and positives must both be [B, D]', {
      op: 'contrastiveLoss',
      path: anchors.builder.path,
      shapes: [anchors.shape, positives.shape],
    })
  const { builder } = anchors
  const own = range(builder, anchors.shape[0]!)
  const [a, p] = [unitLength(anchors), unitLength(positives)]
  const similar = excuse(matMul(a, p, { transB: true, alpha: 1 / temperature }), own, groups)
  const all = negatives
    ? concat([similar, matMul(a, unitLength(negatives), { transB: true, alpha: 1 / temperature })], 1)
    : similar
  const forwards = crossEntropy(all, own, { rowWeights: mask })
  if (direction === 'anchors') return forwards
  const backwards = crossEntropy(transpose(similar, [1, 0]), own, { rowWeights: mask })
  return mul(add(forwards, backwards), 0.5)
}

/** Similarities [B, B] without those of different rows of one group. */
function excuse(similar: Value, own: Value, groups: Value | undefined): Value {
  if (!groups) return similar
  const sameGroup = equal(unsqueeze(groups, 1), unsqueeze(groups, 0))
  const sameRow = equal(unsqueeze(own, 1), unsqueeze(own, 0))
  return where(sameRow, similar, where(sameGroup, unlike, similar))
}

export interface TripletOptions extends MeanOptions {
  /** How much farther the negative is to be, default 1 (0.2 for `cosine`). */
  readonly margin?: number
  /** `euclidean` (default), `squared` (its square, as in FaceNet on unit rows) or `cosine`, 1 - cosine similarity. */
  readonly distance?: 'euclidean' | 'squared' | 'cosine'
}

/**
 * Triplet loss (Schroff et al. 2015): mean of max(0, d(anchor, positive) - d(anchor, negative) + margin). anchors, positives,
 * negatives [B, D], mask [B] -> scalar.
 */
export function tripletLoss(anchors: Value, positives: Value, negatives: Value, options: TripletOptions = {}): Value {
  const { distance = 'euclidean', margin = distance === 'cosine' ? 0.2 : 1, mask } = options
  const between = distances[distance]
  return meanOf(relu(add(sub(between(anchors, positives), between(anchors, negatives)), margin)), mask)
}

const squared = (a: Value, b: Value) => reduceSum(square(sub(a, b)), -1)

const distances = {
  squared,
  // The slope of a root has no bound at 0: equal rows get none.
  euclidean: (a: Value, b: Value) => sqrt(maximum(squared(a, b), 1e-12)),
  cosine: (a: Value, b: Value) => sub(1, cosineSimilarity(a, b)),
}
