import { GraphError } from '../error.js'
import type { Value } from '../graph.js'
import { apply } from './apply.js'
import {
  add,
  and,
  cast,
  div,
  equal,
  exp,
  greater,
  greaterOrEqual,
  less,
  log,
  maximum,
  mul,
  sub,
  where,
} from './elementwise.js'
import { reduceMax, reduceSum } from './reductions.js'
import {
  concat,
  dimension,
  expand,
  fill,
  gather,
  gatherElements,
  range,
  reshape,
  transpose,
  unsqueeze,
} from './shape.js'

/** The scores of a linear chain: from tag to tag [K, K], of the first tag and of the last one [K]. */
export interface ChainWeights {
  transitions: Value
  start: Value
  end: Value
}

/**
 * Loss of a linear-chain conditional random field (Lafferty, McCallum, Pereira 2001): the mean over rows of log Z less the score
 * of the tags. emissions [B, T, K], tags int64 [B, T] (anything past a row's end), lengths int64 [B] -> scalar; rows of no
 * steps do not count.
 */
export function crfLoss(
  emissions: Value,
  tags: Value,
  { transitions, start, end }: ChainWeights,
  lengths: Value,
): Value {
  const { builder } = emissions
  const [B, T, K] = emissions.shape
  if (emissions.shape.length !== 3 || tags.shape.join() !== [B, T].join())
    throw new GraphError('expected emissions [B, T, K] and tags [B, T]', {
      op: 'crfLoss',
      path: builder.path,
      shapes: [emissions.shape, tags.shape],
    })
  const last = apply('chainScores', [transpose(emissions, [1, 0, 2]), transitions, start, lengths])
  const logZ = logSumExp(add(last, end))

  const tag = maximum(tags, 0)
  const steps = range(builder, T!)
  const isReal = less(unsqueeze(steps, 0), unsqueeze(lengths, 1))
  const own = reshape(gatherElements(emissions, unsqueeze(tag, 2), 2), [B!, T!])
  const before = gather(tag, maximum(sub(steps, 1), 0), 1)
  const moved = gather(reshape(transitions, [-1]), add(mul(before, dimension(builder, K!)), tag))
  const isMove = and(isReal, expand(unsqueeze(greater(steps, 0), 0), [B!, T!]))
  const inside = reduceSum(add(where(isReal, own, 0), where(isMove, moved, 0)), 1)
  const tagAt = (place: Value) => reshape(gatherElements(tag, unsqueeze(place, 1), 1), [B!])
  const finalStep = maximum(sub(lengths, 1), 0)
  const ends = add(gather(start, tagAt(mul(finalStep, 0))), gather(end, tagAt(finalStep)))

  const counts = cast(greater(lengths, 0), emissions.dtype)
  const loss = mul(sub(logZ, add(inside, ends)), counts)
  return div(reduceSum(loss), maximum(reduceSum(counts), 1))
}

/** Logarithm of no probability. */
const impossible = -1e30

export interface CtcOptions {
  /** int64 [B]: steps of each row. */
  lengths: Value
  /** int64 [B]: labels of each row. */
  labelLengths: Value
  /** The class that stands for no label, default 0. */
  blank?: number
}

/**
 * Connectionist temporal classification (Graves et al. 2006): -log of the probability that the steps spell the labels, over the
 * number of labels, mean over rows (PyTorch's `mean`). logProbabilities [B, T, C] from logSoftmax, labels int64 [B, L] (anything
 * past a row's labels) -> scalar. A row too short for its labels counts 0 and moves nothing (PyTorch's `zero_infinity`).
 */
export function ctcLoss(
  logProbabilities: Value,
  labels: Value,
  { lengths, labelLengths, blank = 0 }: CtcOptions,
): Value {
  const { builder, dtype } = logProbabilities
  if (logProbabilities.shape.length !== 3 || labels.shape.length !== 2)
    throw new GraphError('expected log-probabilities [B, T, C] and labels [B, L]', {
      op: 'ctcLoss',
      path: builder.path,
      shapes: [logProbabilities.shape, labels.shape],
    })
  const [B, T] = logProbabilities.shape
  const places = withBlanks(labels, blank)
  const S = places.shape[1]!
  const twoBefore = gather(places, maximum(sub(range(builder, S), 2), 0), 1)
  const skip = where(equal(places, twoBefore), fill(builder, places.shape, impossible, dtype), 0)
  const seen = gatherElements(logProbabilities, expand(unsqueeze(places, 1), [B!, T!, S]), 2)
  const last = apply('ctcScores', [transpose(seen, [1, 0, 2]), skip, lengths])

  const end = mul(labelLengths, 2)
  const at = (place: Value) => gatherElements(last, unsqueeze(place, 1), 1)
  const onLabel = where(greater(unsqueeze(labelLengths, 1), 0), at(maximum(sub(end, 1), 0)), impossible)
  const logProbability = logSumExp(concat([at(end), onLabel], 1))
  const possible = greaterOrEqual(logProbability, impossible / 10)
  const perLabel = div(logProbability, cast(maximum(labelLengths, 1), dtype))
  return div(reduceSum(where(possible, perLabel, 0)), mul(cast(dimension(builder, B!), dtype), -1))
}

/** [B, L] as blank, label, blank, …, label, blank: [B, 2 L + 1]. */
function withBlanks(labels: Value, blank: number): Value {
  const { builder, shape } = labels
  const [B, L] = shape
  const pairs = concat([fill(builder, [B!, L!, 1], blank, 'int64'), unsqueeze(maximum(labels, 0), 2)], 2)
  return concat([reshape(pairs, [B!, -1]), fill(builder, [B!, 1], blank, 'int64')], 1)
}

/** log Σ exp over the last axis, which goes. */
function logSumExp(x: Value): Value {
  const top = reduceMax(x, -1, true)
  return add(log(reduceSum(exp(sub(x, top)), -1)), reshape(top, top.shape.slice(0, -1)))
}
