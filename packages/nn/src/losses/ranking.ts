import { add, binaryCrossEntropy, expand, fill, relu, sub, type Value } from '@volant/graph'
import { type MeanOptions, meanOf } from './mean.js'

export interface PairwiseOptions extends MeanOptions {
  /** Shape of the scores, in [0, 1]: how probable it is that the first is better. Default 1, sure. */
  readonly preference?: Value
}

/**
 * Logistic loss of the difference of two scores: with the preference, RankNet (Burges et al. 2005); without, -log sigmoid(better -
 * worse), BPR (Rendle et al. 2009). better, worse, mask: one shape -> scalar mean.
 */
export function pairwiseLoss(better: Value, worse: Value, options: PairwiseOptions = {}): Value {
  const difference = sub(better, worse)
  const { mask, preference = fill(better.builder, difference.shape, 1, difference.dtype) } = options
  return binaryCrossEntropy(difference, expand(preference, difference.shape), { mask })
}

/** Mean of max(0, margin - (better - worse)) (Herbrich et al. 2000). better, worse, mask: one shape -> scalar. */
export function marginRankingLoss(
  better: Value,
  worse: Value,
  { margin = 1, mask }: MeanOptions & { readonly margin?: number } = {},
): Value {
  return meanOf(relu(add(sub(worse, better), margin)), mask)
}
