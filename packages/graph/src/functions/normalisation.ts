import { type Dim, divideDims, multiplyDims, sizeOf } from '../dims.js'
import { GraphError } from '../error.js'
import type { Value } from '../graph.js'
import { apply } from './apply.js'
import { add, mul } from './elementwise.js'
import { flattenRows, layerNorm } from './layers.js'
import { fill, reshape } from './shape.js'

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

/**
 * Normalisation over each group of channels and all places of one example (Wu and He 2018). x [B, C, …], gamma and beta [C],
 * groups a divisor of C -> the shape of x.
 */
export function groupNorm(x: Value, gamma: Value, beta: Value, groups: number, eps = 1e-5): Value {
  const { builder, dtype, shape } = x
  const details = { op: 'groupNorm', path: builder.path, shapes: [shape, gamma.shape, beta.shape] }
  const [B, C, ...places] = shape
  if (B === undefined || C === undefined) throw new GraphError('the input must be [batch, channels, …]', details)
  const size = divideDims(C, groups)
  if (size === undefined) throw new GraphError(`${C} channels cannot be divided into ${groups} groups`, details)
  for (const p of [gamma, beta])
    if (p.shape.length !== 1 || p.shape[0] !== C) throw new GraphError(`gamma and beta must be [${C}]`, details)
  const width = multiplyDims(size, sizeOf(places))
  const rows = reshape(x, [multiplyDims(B, groups), width])
  const normal = reshape(
    layerNorm(rows, fill(builder, [width], 1, dtype), fill(builder, [width], 0, dtype), eps),
    shape,
  )
  const channels = [C, ...places.map((): Dim => 1)]
  return add(mul(normal, reshape(gamma, channels)), reshape(beta, channels))
}

/** Normalisation over all places of each channel of each example (Ulyanov et al. 2016). x [B, C, …], gamma and beta [C]. */
export const instanceNorm = (x: Value, gamma: Value, beta: Value, eps = 1e-5): Value =>
  groupNorm(x, gamma, beta, Number(x.shape[1]), eps)

/** x / sqrt(mean(x²) + eps) · gamma over the last axis (Zhang and Sennrich 2019). x [..., H], gamma [H]. */
export const rmsNorm = (x: Value, gamma: Value, eps = 1e-6): Value =>
  reshape(apply('rmsNorm', [flattenRows(x), gamma], { eps }), x.shape)
