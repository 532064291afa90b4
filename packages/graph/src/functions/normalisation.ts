import type { Value } from '../graph.js'
import { apply } from './apply.js'

/**
 * Batch normalisation in training (Ioffe and Szegedy 2015): (x - mean) / sqrt(variance + eps) · gamma + beta with the
 * batch's own statistics of each channel. x [B, C, …], gamma, beta [C] -> y, and mean and variance [C] (over n, not n - 1)
 * for running statistics; no gradient flows through these two.
 */
export function batchNorm(x: Value, gamma: Value, beta: Value, eps = 1e-5): { y: Value; mean: Value; variance: Value } {
  const [y, mean, variance] = x.builder.append('batchNorm', [x, gamma, beta], { eps })
  return { y: y!, mean: mean!, variance: variance! }
}

/** Batch normalisation with statistics given, as when a trained model is used. x [B, C, …], all others [C]. */
export const fixedBatchNorm = (x: Value, gamma: Value, beta: Value, mean: Value, variance: Value, eps = 1e-5): Value =>
  apply('fixedBatchNorm', [x, gamma, beta, mean, variance], { eps })
