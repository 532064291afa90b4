import { exp, logSoftmax, mul, reduceSum, sub, type Value } from '@volant/graph'
import { NnError } from '../errors.js'
import { cosineSimilarity } from './contrastive.js'
import { type MeanOptions, meanOf } from './mean.js'

export interface DistillationOptions extends MeanOptions {
  /** Softens both distributions, default 2. */
  readonly temperature?: number
}

/**
 * Knowledge distillation (Hinton et al. 2015): T² KL(softmax(teacher / T) || softmax(student / T)), mean over rows; T² keeps the size
 * of the gradient whatever the temperature. Logits [..., V], mask [...] -> scalar. The teacher's logits may be an input of the
 * graph; a gradient reaches them too if they are computed from parameters that are trained.
 */
export function distillationLoss(student: Value, teacher: Value, options: DistillationOptions = {}): Value {
  const { temperature = 2, mask } = options
  if (!(temperature > 0))
    throw new NnError('bad-temperature', `distillationLoss: temperature is ${temperature}, expected a number above 0`, {
      temperature,
    })
  const soften = (logits: Value) => logSoftmax(mul(logits, 1 / temperature))
  const expected = soften(teacher)
  const divergence = reduceSum(mul(exp(expected), sub(expected, soften(student))), -1)
  return mul(meanOf(divergence, mask), temperature ** 2)
}

/** Mean of 1 - cosine similarity to the teacher's vectors (as DistilBERT's; Sanh et al. 2019). [..., D], mask [...] -> scalar. */
export function cosineDistance(student: Value, teacher: Value, { mask }: MeanOptions = {}): Value {
  return meanOf(sub(1, cosineSimilarity(student, teacher)), mask)
}
