import { add, FOUR_BIT_BLOCK, linearFourBit, type Value } from '@volant/graph'
import type { Context } from './context.js'
import { zeros } from './initialisers.js'
import { Branch, Parameter } from './tree.js'

/**
 * The weight of a linear layer in 4-bit numbers, of which 32 of a column share one scale: a sixth of the size. It cannot be
 * learnt; gradients flow through it to adapters and layers before (Dettmers et al. 2023, "QLoRA").
 */
export class FourBitWeight extends Branch {
  readonly numbers: Parameter
  readonly scales: Parameter

  /** @param shape [inputs, outputs] */
  constructor(readonly shape: readonly number[]) {
    super()
    const [inputs, outputs] = shape as [number, number]
    const blocks = Math.ceil(inputs / FOUR_BIT_BLOCK)
    this.numbers = new Parameter([outputs, blocks, FOUR_BIT_BLOCK / 2], zeros, false, 'uint8')
    this.scales = new Parameter([outputs, blocks], zeros)
  }

  /** x [..., inputs] -> x·weight + bias [..., outputs]. */
  product(context: Context, x: Value, bias: Value | undefined): Value {
    const y = linearFourBit(x, { numbers: context.use(this.numbers), scales: context.use(this.scales) }, this.shape[0]!)
    return bias ? add(y, bias) : y
  }
}
