import { cast, concat, maxOverTime, mul, pad, relu, transpose, unsqueeze, type Value } from '@volant/graph'
import type { Context } from './context.js'
import { Conv1d } from './convolution.js'
import { Module } from './module.js'

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
