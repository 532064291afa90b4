import { dropout, layerNorm, rmsNorm, type Value } from '@volant/graph'
import { NnError } from '../errors.js'
import type { Context } from './context.js'
import { ones, zeros } from './initialisers.js'
import { Module } from './module.js'
import { Parameter } from './tree.js'

/** Normalises the last axis to mean 0 and variance 1, then scales by gamma and adds beta (Ba et al. 2016). */
export class LayerNorm extends Module {
  readonly gamma: Parameter
  /** Absent where nothing is added. */
  readonly beta: Parameter | undefined

  constructor(
    readonly width: number,
    readonly epsilon = 1e-5,
    { bias = true }: { readonly bias?: boolean } = {},
  ) {
    super()
    this.gamma = new Parameter([width], ones)
    if (bias) this.beta = new Parameter([width], zeros)
  }

  protected forward(context: Context, x: Value): Value {
    const beta = this.beta
      ? context.use(this.beta)
      : context.builder.constant(new Float32Array(this.width), { shape: [this.width] })
    return layerNorm(x, context.use(this.gamma), beta, this.epsilon)
  }
}

/** Divides the last axis by its root mean square, then scales by gamma (Zhang and Sennrich 2019). */
export class RmsNorm extends Module {
  readonly gamma: Parameter

  constructor(
    width: number,
    readonly epsilon = 1e-6,
  ) {
    super()
    this.gamma = new Parameter([width], ones)
  }

  protected forward(context: Context, x: Value): Value {
    return rmsNorm(x, context.use(this.gamma), this.epsilon)
  }
}

/**
 * In training sets elements to 0 with the given probability and scales the rest up (Srivastava et al. 2014). The first axis is the
 * batch.
 */
export class Dropout extends Module {
  constructor(readonly probability: number) {
    super()
    if (!(probability >= 0 && probability < 1))
      throw new NnError('bad-dropout', `Dropout: the probability is ${probability}, expected 0 <= p < 1`, {
        probability,
      })
  }

  protected forward(context: Context, x: Value): Value {
    if (!context.training || this.probability === 0) return x
    return dropout(x, this.probability, context.seed, { salt: context.salt(), firstRow: context.firstRow })
  }
}
