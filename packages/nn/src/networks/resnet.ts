import { add, globalAveragePool, relu, type Value } from '@volant/graph'
import { BatchNorm, type BatchNormOptions } from '../modules/batch-norm.js'
import type { Context } from '../modules/context.js'
import { Conv2d } from '../modules/convolution.js'
import { zeros } from '../modules/initialisers.js'
import { Linear } from '../modules/linear.js'
import { Module } from '../modules/module.js'
import { Sequential } from '../modules/sequential.js'

export interface ResNetOptions {
  /** Channels of the pictures. */
  readonly channels: number
  readonly classes: number
  /** Filters of each stage; all but the first halve height and width. */
  readonly widths?: readonly number[]
  /** Residual blocks of each stage: with three stages the network has 6 blocks + 2 layers. */
  readonly blocks?: number
}

/**
 * Residual network for small pictures (He et al. 2016, section 4.2): x [B, channels, H, W] -> logits [B, classes]. A 3x3
 * convolution, stages of blocks, the mean over all places, one linear layer. Shortcuts that change shape are 1x1 convolutions.
 */
export class ResNet extends Module {
  readonly stem: Sequential
  readonly blocks: readonly ResidualBlock[]
  readonly output: Linear

  constructor({ channels, classes, widths = [16, 32, 64], blocks = 3 }: ResNetOptions) {
    super()
    this.stem = new Sequential([...normalised(channels, widths[0]!, 3), relu])
    this.blocks = widths.flatMap((width, stage) =>
      Array.from({ length: blocks }, (_, i) => {
        const first = i === 0
        return new ResidualBlock(first ? (widths[stage - 1] ?? width) : width, width, first && stage > 0 ? 2 : 1)
      }),
    )
    this.output = new Linear(widths.at(-1)!, classes)
  }

  protected forward(context: Context, x: Value): Value {
    const features = this.blocks.reduce((h, block) => block.apply(context, h), this.stem.apply(context, x))
    return this.output.apply(context, globalAveragePool(features))
  }
}

/** relu(shortcut(x) + norm(conv(relu(norm(conv(x)))))); the last gamma starts at 0, so that a block starts as its shortcut. */
class ResidualBlock extends Module {
  readonly branch: Sequential
  readonly shortcut: Sequential | undefined

  constructor(channels: number, width: number, stride: number) {
    super()
    this.branch = new Sequential([
      ...normalised(channels, width, 3, stride),
      relu,
      ...normalised(width, width, 3, 1, { gamma: zeros }),
    ])
    if (channels !== width || stride !== 1) this.shortcut = new Sequential(normalised(channels, width, 1, stride))
  }

  protected forward(context: Context, x: Value): Value {
    return relu(add(this.branch.apply(context, x), this.shortcut?.apply(context, x) ?? x))
  }
}

/** A convolution that keeps height and width (but for the stride), and batch norm in place of its bias. */
function normalised(
  channels: number,
  filters: number,
  kernel: number,
  stride = 1,
  norm: BatchNormOptions = {},
): Module[] {
  const padding = (kernel - 1) / 2
  return [new Conv2d(channels, filters, kernel, { stride, padding, bias: false }), new BatchNorm(filters, norm)]
}
