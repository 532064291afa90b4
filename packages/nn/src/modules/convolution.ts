import { type ConvOptions, type ConvTransposeOptions, conv1d, conv2d, convTranspose2d, type Value } from '@volant/graph'
import { NnError } from '../errors.js'
import type { Context } from './context.js'
import { he, type Initialiser, normal, zeros } from './initialisers.js'
import { Module } from './module.js'
import { Parameter } from './tree.js'

/** Stride, padding, dilation and groups are those of `conv1d`. */
export interface Conv1dOptions extends ConvOptions {
  /** Default true; not needed before a normalisation. */
  readonly bias?: boolean
  readonly initialiser?: Initialiser
}

/** Correlation over time: x [B, channels, T] -> [B, filters, T']. */
export class Conv1d extends Module {
  readonly weight: Parameter
  readonly bias: Parameter | undefined
  readonly options: ConvOptions

  constructor(channels: number, filters: number, kernel: number, options: Conv1dOptions = {}) {
    super()
    const { bias = true, initialiser = he, ...convolution } = options
    const seen = inGroups('Conv1d', channels, filters, convolution.groups)
    this.weight = new Parameter([filters, seen, kernel], initialiser)
    if (bias) this.bias = new Parameter([filters], zeros)
    this.options = convolution
  }

  protected forward(context: Context, x: Value): Value {
    return conv1d(x, context.use(this.weight), this.bias && context.use(this.bias), this.options)
  }
}

type Kernel = number | readonly [height: number, width: number]

/** Stride, padding, dilation and groups are those of `conv2d`. */
export type Conv2dOptions = Conv1dOptions

/** Correlation over pictures: x [B, channels, H, W] -> [B, filters, H', W']; `groups: channels` makes it depthwise. */
export class Conv2d extends Module {
  readonly weight: Parameter
  readonly bias: Parameter | undefined
  readonly options: ConvOptions

  constructor(channels: number, filters: number, kernel: Kernel, options: Conv2dOptions = {}) {
    super()
    const { bias = true, initialiser = he, ...convolution } = options
    const seen = inGroups('Conv2d', channels, filters, convolution.groups)
    this.weight = new Parameter([filters, seen, ...pair(kernel)], initialiser)
    if (bias) this.bias = new Parameter([filters], zeros)
    this.options = convolution
  }

  protected forward(context: Context, x: Value): Value {
    return conv2d(x, context.use(this.weight), this.bias && context.use(this.bias), this.options)
  }
}

/** Stride, padding, dilation, groups and output padding are those of `convTranspose2d`. */
export interface ConvTranspose2dOptions extends ConvTransposeOptions {
  readonly bias?: boolean
  readonly initialiser?: Initialiser
}

/** Transposed convolution: x [B, channels, H, W] -> [B, filters, H', W'], larger by the stride. */
export class ConvTranspose2d extends Module {
  readonly weight: Parameter
  readonly bias: Parameter | undefined
  readonly options: ConvTransposeOptions

  constructor(channels: number, filters: number, kernel: Kernel, options: ConvTranspose2dOptions = {}) {
    super()
    const { bias = true, initialiser, ...convolution } = options
    const [height, width] = pair(kernel)
    const made = inGroups('ConvTranspose2d', filters, channels, convolution.groups)
    const strides = typeof convolution.stride === 'object' ? convolution.stride : Array(2).fill(convolution.stride ?? 1)
    // As many products are summed in each element of the output.
    const fanIn = ((channels / (convolution.groups ?? 1)) * height * width) / (strides[0]! * strides[1]!)
    this.weight = new Parameter([channels, made, height, width], initialiser ?? normal(Math.sqrt(2 / fanIn)))
    if (bias) this.bias = new Parameter([filters], zeros)
    this.options = convolution
  }

  protected forward(context: Context, x: Value): Value {
    return convTranspose2d(x, context.use(this.weight), this.bias && context.use(this.bias), this.options)
  }
}

const pair = (kernel: Kernel): readonly [number, number] => (typeof kernel === 'number' ? [kernel, kernel] : kernel)

/** The channels of one group. */
function inGroups(layer: string, channels: number, others: number, groups = 1): number {
  if (channels % groups !== 0 || others % groups !== 0)
    throw new NnError(
      'bad-groups',
      `${layer}: ${channels} and ${others} channels cannot be cut into ${groups} groups`,
      {
        channels,
        others,
        groups,
      },
    )
  return channels / groups
}
