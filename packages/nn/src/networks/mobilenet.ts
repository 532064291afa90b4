import { add, clip, globalAveragePool, type Value } from '@volant/graph'
import { BatchNorm } from '../modules/batch-norm.js'
import type { Context } from '../modules/context.js'
import { Conv2d } from '../modules/convolution.js'
import { Linear } from '../modules/linear.js'
import { Module } from '../modules/module.js'
import { type Layer, Sequential } from '../modules/sequential.js'

export interface MobileNetOptions {
  /** Channels of the pictures. */
  readonly channels: number
  readonly classes: number
  /** Filters of the first convolution. */
  readonly stem?: number
  readonly stages?: readonly MobileNetStage[]
  /** Filters of the last convolution, the features of a picture. */
  readonly features?: number
}

export interface MobileNetStage {
  readonly width: number
  readonly blocks: number
  /** Of the first block. */
  readonly stride: number
  /** Channels inside a block for each channel outside. */
  readonly expansion: number
}

/** For pictures of about 32 x 32: the strides of a network for 224 x 224 are left out at the beginning. */
const STAGES: readonly MobileNetStage[] = [
  { width: 16, blocks: 1, stride: 1, expansion: 1 },
  { width: 24, blocks: 2, stride: 1, expansion: 4 },
  { width: 32, blocks: 2, stride: 2, expansion: 4 },
  { width: 64, blocks: 2, stride: 2, expansion: 4 },
]

/** MobileNetV2 (Sandler et al. 2018): x [B, channels, H, W] -> logits [B, classes]. */
export class MobileNet extends Module {
  readonly stem: Sequential
  readonly blocks: readonly InvertedResidual[]
  readonly head: Sequential
  readonly output: Linear

  constructor({ channels, classes, stem = 16, stages = STAGES, features = 128 }: MobileNetOptions) {
    super()
    this.stem = new Sequential([...normalised(channels, stem, 3), relu6])
    let width = stem
    this.blocks = stages.flatMap((stage) =>
      Array.from({ length: stage.blocks }, (_, i) => {
        const block = new InvertedResidual(width, stage.width, i === 0 ? stage.stride : 1, stage.expansion)
        width = stage.width
        return block
      }),
    )
    this.head = new Sequential([...normalised(width, features, 1), relu6])
    this.output = new Linear(features, classes)
  }

  protected forward(context: Context, x: Value): Value {
    const blocks = this.blocks.reduce((h, block) => block.apply(context, h), this.stem.apply(context, x))
    return this.output.apply(context, globalAveragePool(this.head.apply(context, blocks)))
  }
}

/** Widens by a 1x1 convolution, filters each channel alone by a 3x3 one, narrows by a 1x1 one without an activation. */
class InvertedResidual extends Module {
  readonly layers: Sequential
  readonly residual: boolean

  constructor(channels: number, width: number, stride: number, expansion: number) {
    super()
    const inner = channels * expansion
    const widen: Layer[] = expansion === 1 ? [] : [...normalised(channels, inner, 1), relu6]
    const filter: Layer[] = [...normalised(inner, inner, 3, { stride, groups: inner }), relu6]
    this.layers = new Sequential([...widen, ...filter, ...normalised(inner, width, 1)])
    this.residual = channels === width && stride === 1
  }

  protected forward(context: Context, x: Value): Value {
    const y = this.layers.apply(context, x)
    return this.residual ? add(x, y) : y
  }
}

const relu6 = (x: Value): Value => clip(x, 0, 6)

const normalised = (channels: number, filters: number, kernel: number, { stride = 1, groups = 1 } = {}): Module[] => {
  const padding = (kernel - 1) / 2
  return [new Conv2d(channels, filters, kernel, { stride, padding, groups, bias: false }), new BatchNorm(filters)]
}
