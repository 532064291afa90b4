import { batchNorm, cast, dimension, div, fixedBatchNorm, mul, multiplyDims, sub, type Value } from '@volant/graph'
import type { Context } from './context.js'
import { type Initialiser, ones, zeros } from './initialisers.js'
import { Module } from './module.js'
import { Parameter, Statistic } from './tree.js'

export interface BatchNormOptions {
  readonly epsilon?: number
  /** How far an update moves the running mean and variance towards those of the batch; default 0.1, as in PyTorch. */
  readonly momentum?: number
  /** First values of gamma; zeros make a residual branch start as nothing (Goyal et al. 2017). */
  readonly gamma?: Initialiser
}

/**
 * Normalises each channel to mean 0 and variance 1, then scales by gamma and adds beta (Ioffe and Szegedy 2015): x [B, C, …] ->
 * the same shape. In training by mean and variance of the batch, which also move the running ones; otherwise, and where the
 * running ones are frozen, by these.
 */
export class BatchNorm extends Module {
  readonly gamma: Parameter
  readonly beta: Parameter
  readonly mean: Statistic
  readonly variance: Statistic
  readonly epsilon: number

  constructor(channels: number, { epsilon = 1e-5, momentum = 0.1, gamma = ones }: BatchNormOptions = {}) {
    super()
    this.gamma = new Parameter([channels], gamma)
    this.beta = new Parameter([channels], zeros)
    this.mean = new Statistic([channels], zeros, momentum)
    this.variance = new Statistic([channels], ones, momentum)
    this.epsilon = epsilon
  }

  protected forward(context: Context, x: Value): Value {
    const [gamma, beta] = [context.use(this.gamma), context.use(this.beta)]
    if (!context.observes(this.mean))
      return fixedBatchNorm(x, gamma, beta, context.use(this.mean), context.use(this.variance), this.epsilon)
    const { y, mean, variance } = batchNorm(x, gamma, beta, this.epsilon)
    context.observe(this.mean, mean)
    context.observe(this.variance, mul(variance, unbiasing(x)))
    return y
  }
}

/** n / (n - 1) for the n elements of a channel: from their variance to an estimate of the variance they were drawn with. */
function unbiasing(x: Value): Value {
  const [batch, , ...places] = x.shape
  const count = cast(dimension(x.builder, multiplyDims(batch!, ...places)), 'float32')
  return div(count, sub(count, 1))
}
