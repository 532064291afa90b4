import { cast, concat, conv1d, maxOverTime, mul, pad, relu, transpose, unsqueeze, type Value } from '@volant/graph'
import type { Context } from './context.js'
import { he, zeros } from './initialisers.js'
import { Module } from './module.js'
import { Parameter } from './tree.js'

export interface Conv1dOptions {
  readonly stride?: number
  readonly padding?: number
  readonly dilation?: number
  readonly bias?: boolean
}

/** Correlation over time: x [B, channels, T] -> [B, filters, T']. */
export class Conv1d extends Module {
  readonly weight: Parameter
  readonly bias: Parameter | undefined
  readonly options: Conv1dOptions

  constructor(channels: number, filters: number, kernel: number, options: Conv1dOptions = {}) {
    super()
    this.weight = new Parameter([filters, channels, kernel], he)
    if (options.bias ?? true) this.bias = new Parameter([filters], zeros)
    this.options = options
  }

  protected forward(context: Context, x: Value): Value {
    return conv1d(x, context.use(this.weight), this.bias && context.use(this.bias), this.options)
  }
}

/**
 * Convolutions of several kernel widths over time, ReLU, and the largest value of each filter over time (Kim 2014):
 * x [B, T, width], mask bool [B, T] (true = real) -> [B, filters * kernels]. Time is padded so that any T >= 1 works.
 */
export class TextConvolution extends Module<[x: Value, mask?: Value]> {
  readonly convolutions: readonly Conv1d[]
  readonly kernels: readonly number[]

  constructor(width: number, filters: number, kernels: readonly number[] = [3, 4, 5]) {
    super()
    this.kernels = kernels
    this.convolutions = kernels.map((kernel) => new Conv1d(width, filters, kernel))
  }

  protected forward(context: Context, x: Value, mask?: Value): Value {
    const real = mask ? mul(x, unsqueeze(cast(mask, 'float32'), 2)) : x
    const channelsFirst = transpose(real, [0, 2, 1])
    const pooled = this.convolutions.map((convolution, i) => {
      const before = Math.floor((this.kernels[i]! - 1) / 2)
      const padded = pad(channelsFirst, 2, before, this.kernels[i]! - 1 - before)
      return maxOverTime(transpose(relu(convolution.apply(context, padded)), [0, 2, 1]), mask)
    })
    return pooled.length === 1 ? pooled[0]! : concat(pooled, 1)
  }
}
