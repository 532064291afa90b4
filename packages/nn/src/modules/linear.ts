import { gelu, linear, relu, tanh, type Value } from '@volant/graph'
import type { Context } from './context.js'
import type { FourBitWeight } from './four-bit-weight.js'
import { glorot, type Initialiser, zeros } from './initialisers.js'
import type { AdaptedLayer } from './lora.js'
import { Module } from './module.js'
import { Dropout } from './normalisation.js'
import { Parameter } from './tree.js'

/** x [..., inputs] -> x·weight + bias [..., outputs]. */
export class Linear extends Module {
  /** In 4-bit numbers where `useFourBits` made it so. */
  weight: Parameter | FourBitWeight
  readonly bias: Parameter | undefined
  /** What `addAdapters` or `bankAdapters` put beside the weight. */
  adapter: Module<[x: Value, y: Value, layer: AdaptedLayer]> | undefined

  constructor(inputs: number, outputs: number, { bias = true, initialiser = glorot as Initialiser } = {}) {
    super()
    this.weight = new Parameter([inputs, outputs], initialiser)
    if (bias) this.bias = new Parameter([outputs], zeros)
  }

  protected forward(context: Context, x: Value): Value {
    const { weight } = this
    const bias = this.bias && context.use(this.bias)
    const y = weight instanceof Parameter ? linear(x, context.use(weight), bias) : weight.product(context, x, bias)
    return this.adapter ? this.adapter.apply(context, x, y, this) : y
  }
}

export type Activation = 'relu' | 'gelu' | 'tanh'

const activations: Record<Activation, (x: Value) => Value> = { relu, gelu, tanh }

/** Linear layers with an activation and dropout between them: `new MLP([in, hidden, out])`. */
export class MLP extends Module {
  readonly layers: readonly Linear[]
  readonly dropout: Dropout
  readonly activation: Activation

  constructor(sizes: readonly number[], { activation = 'relu' as Activation, dropout = 0 } = {}) {
    super()
    this.layers = sizes.slice(1).map((outputs, i) => new Linear(sizes[i]!, outputs))
    this.dropout = new Dropout(dropout)
    this.activation = activation
  }

  protected forward(context: Context, x: Value): Value {
    return this.layers.reduce((h, layer, i) => {
      const input = i === 0 ? h : this.dropout.apply(context, activations[this.activation](h))
      return layer.apply(context, input)
    }, x)
  }
}
