import { feedForward, gelu, geluTanh, mul, relu, silu, type Value } from '@volant/graph'
import type { Context } from './context.js'
import { glorot, type Initialiser } from './initialisers.js'
import { Linear } from './linear.js'
import { Module } from './module.js'
import { Parameter } from './tree.js'

const plain = { gelu, geluTanh, relu, silu }
const gates = { swiglu: silu, geglu: gelu }

export type FeedForwardActivation = keyof typeof plain | keyof typeof gates

export interface FeedForwardOptions {
  /** `swiglu` and `geglu` multiply two linear maps, one of them through SiLU or GELU (Shazeer 2020). Default `gelu`. */
  readonly activation?: FeedForwardActivation
  /** Default true. */
  readonly bias?: boolean
  readonly initialiser?: Initialiser
  /** Of the last linear layer; default `initialiser`. */
  readonly outputInitialiser?: Initialiser
}

/** Linear, activation, linear: x [..., width] -> [..., width]. */
export class FeedForward extends Module {
  readonly up: Linear
  /** Of gated activations. */
  readonly gate: Linear | undefined
  readonly down: Linear
  readonly activation: FeedForwardActivation

  constructor(width: number, hidden: number, options: FeedForwardOptions = {}) {
    super()
    const { activation = 'gelu', bias = true, initialiser = glorot, outputInitialiser = initialiser } = options
    this.activation = activation
    this.up = new Linear(width, hidden, { bias, initialiser })
    if (activation in gates) this.gate = new Linear(width, hidden, { bias, initialiser })
    this.down = new Linear(hidden, width, { bias, initialiser: outputInitialiser })
  }

  protected forward(context: Context, x: Value): Value {
    const { up, gate, down, activation } = this
    if (activation === 'gelu' && isPlain(up) && isPlain(down)) {
      const [w1, b1, w2, b2] = [up.weight, up.bias, down.weight, down.bias].map((p) => p && context.use(p))
      return feedForward(x, w1!, b1, w2!, b2)
    }
    const hidden = up.apply(context, x)
    if (!gate) return down.apply(context, plain[activation as keyof typeof plain](hidden))
    return down.apply(context, mul(gates[activation as keyof typeof gates](gate.apply(context, x)), hidden))
  }
}

const isPlain = (layer: Linear): layer is Linear & { weight: Parameter } =>
  !layer.adapter && layer.weight instanceof Parameter
