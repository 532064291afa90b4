import { relu, reshape, sigmoid, type Value } from '@volant/graph'
import { NnError } from '../errors.js'
import type { Context } from '../modules/context.js'
import { Conv2d, ConvTranspose2d } from '../modules/convolution.js'
import { he } from '../modules/initialisers.js'
import { Linear } from '../modules/linear.js'
import { Module } from '../modules/module.js'
import { flatten, Sequential } from '../modules/sequential.js'

export interface AutoencoderOptions {
  /** Channels of the pictures. */
  readonly channels: number
  /** A multiple of 2 for each width. */
  readonly size: readonly [height: number, width: number]
  /** Filters of the convolutions; each halves height and width. */
  readonly widths?: readonly number[]
  /** Numbers that a picture is reduced to. */
  readonly code?: number
}

/** Convolutional autoencoder (Hinton and Salakhutdinov 2006; Masci et al. 2011): pictures in [0, 1] -> code -> pictures. */
export class Autoencoder extends Module {
  readonly encoder: Sequential
  readonly expand: Linear
  readonly decoder: Sequential
  readonly #inner: readonly [number, number, number]

  constructor({ channels, size, widths = [16, 32], code = 32 }: AutoencoderOptions) {
    super()
    const scale = 2 ** widths.length
    const [height, width] = [size[0] / scale, size[1] / scale]
    if (!Number.isInteger(height) || !Number.isInteger(width))
      throw new NnError('bad-size', `Autoencoder: ${size.join(' x ')} cannot be halved ${widths.length} times`, {
        size,
      })
    this.#inner = [widths.at(-1)!, height, width]
    const features = widths.at(-1)! * height * width
    const down = widths.flatMap((filters, i) => [
      new Conv2d(widths[i - 1] ?? channels, filters, 3, { stride: 2, padding: 1 }),
      relu,
    ])
    this.encoder = new Sequential([...down, flatten, new Linear(features, code)])
    this.expand = new Linear(code, features, { initialiser: he })
    const back = [channels, ...widths]
    const up = widths.toReversed().flatMap((filters, i) => {
      const target = back[widths.length - 1 - i]!
      return [relu, new ConvTranspose2d(filters, target, 4, { stride: 2, padding: 1 })]
    })
    this.decoder = new Sequential([...up, sigmoid])
  }

  /** x [B, channels, height, width] -> code [B, code]. */
  encode(context: Context, x: Value): Value {
    return this.encoder.apply(context, x)
  }

  /** code [B, code] -> pictures [B, channels, height, width] with values in (0, 1). */
  decode(context: Context, code: Value): Value {
    const expanded = this.expand.apply(context, code)
    return this.decoder.apply(context, reshape(expanded, [code.shape[0]!, ...this.#inner]))
  }

  protected forward(context: Context, x: Value): Value {
    return this.decode(context, this.encode(context, x))
  }
}
