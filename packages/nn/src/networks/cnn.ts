import { globalAveragePool, maxPool2d, relu, type Value } from '@volant/graph'
import { BatchNorm } from '../modules/batch-norm.js'
import type { Context } from '../modules/context.js'
import { Conv2d } from '../modules/convolution.js'
import { he } from '../modules/initialisers.js'
import { Linear } from '../modules/linear.js'
import { Module } from '../modules/module.js'
import { Dropout } from '../modules/normalisation.js'
import { flatten, type Layer, Sequential } from '../modules/sequential.js'

export interface CnnOptions {
  /** Channels of the pictures. */
  readonly channels: number
  readonly size: readonly [height: number, width: number]
  readonly classes: number
  /** Filters of each 3x3 convolution; every one is followed by 2x2 max pooling and ReLU. */
  readonly widths?: readonly number[]
  /** Width of the hidden layer over all places; 0 averages each filter over the places instead. */
  readonly hidden?: number
  /** Batch norm after each convolution. */
  readonly norm?: boolean
  /** In front of the last layer. */
  readonly dropout?: number
}

/** A small convolutional classifier: x [B, channels, height, width] -> logits [B, classes]. */
export class Cnn extends Module {
  readonly stages: Sequential
  readonly hidden: Linear | undefined
  readonly dropout: Dropout
  readonly output: Linear

  constructor(options: CnnOptions) {
    super()
    const { channels, size, classes, widths = [32, 64], hidden = 128, norm = false, dropout = 0 } = options
    const stage = (width: number, i: number): Layer[] => {
      const convolution = new Conv2d(widths[i - 1] ?? channels, width, 3, { padding: 1, bias: !norm })
      // ReLU and the maximum may change places; after pooling ReLU has a quarter of the work.
      return [convolution, ...(norm ? [new BatchNorm(width)] : []), (x) => relu(maxPool2d(x, 2))]
    }
    this.stages = new Sequential(widths.flatMap(stage))
    const left = size.map((length) => widths.reduce((rest) => Math.floor(rest / 2), length))
    const features = widths.at(-1)! * (hidden > 0 ? left[0]! * left[1]! : 1)
    if (hidden > 0) this.hidden = new Linear(features, hidden, { initialiser: he })
    this.dropout = new Dropout(dropout)
    this.output = new Linear(hidden || features, classes)
  }

  protected forward(context: Context, x: Value): Value {
    const features = this.stages.apply(context, x)
    const flat = this.hidden ? relu(this.hidden.apply(context, flatten(features))) : globalAveragePool(features)
    return this.output.apply(context, this.dropout.apply(context, flat))
  }
}
