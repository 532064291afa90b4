import {
  add,
  div,
  linear,
  matMul,
  mul,
  reduceSum,
  reduceSumSquare,
  sqrt,
  stopGradient,
  sub,
  type Value,
} from '@volant/graph'
import { NnError } from '../errors.js'
import type { Context } from './context.js'
import type { FourBitWeight } from './four-bit-weight.js'
import { uniform, zeros } from './initialisers.js'
import { Module } from './module.js'
import { Dropout } from './normalisation.js'
import { Parameter } from './tree.js'

export interface LoraOptions {
  /** Columns of `down` and rows of `up`; default 8. */
  readonly rank?: number
  /** The product is scaled by alpha / rank; default rank. */
  readonly alpha?: number
  /** Of the adapter's input in training; default 0. */
  readonly dropout?: number
  /** Learn the norms of the weight's columns apart from their directions (Liu et al. 2024). */
  readonly dora?: boolean
  /** Scale by alpha / √rank instead (Kalajdzievski 2023), which lets large ranks learn. */
  readonly rankStabilised?: boolean
}

/** Added to squared norms, so that a column of zeros can be divided by its own. */
export const NORM_EPSILON = 1e-12

/**
 * A learnt change of rank r beside a linear layer that stays as it is (LoRA, Hu et al. 2021): y + scale · x·down·up, which at the
 * start is y. With DoRA (Liu et al. 2024) every column of weight + scale · down·up gets the norm of the weight's column plus
 * `magnitude`; no gradient flows through the norms, as in the paper.
 */
export class LoraAdapter extends Module<[x: Value, y: Value, layer: AdaptedLayer]> {
  readonly down: Parameter
  readonly up: Parameter
  readonly magnitude: Parameter | undefined
  readonly dropout: Dropout
  readonly rank: number
  readonly alpha: number
  readonly rankStabilised: boolean

  /** Throws NnError `bad-adapter` for a rank or alpha that cannot be. */
  constructor(inputs: number, outputs: number, options: LoraOptions = {}) {
    super()
    const { rank = 8, alpha = rank, dropout = 0, dora = false, rankStabilised = false } = options
    const most = Math.min(inputs, outputs)
    if (!(Number.isInteger(rank) && rank >= 1 && rank <= most))
      throw new NnError(
        'bad-adapter',
        `the rank is ${rank}, expected a whole number from 1 to ${most} for a layer of ${inputs} x ${outputs}`,
        { rank, inputs, outputs },
      )
    if (!(alpha > 0 && alpha < Number.POSITIVE_INFINITY))
      throw new NnError('bad-adapter', `alpha is ${alpha}, expected a number above 0`, { alpha })
    this.down = new Parameter([inputs, rank], uniform(1 / Math.sqrt(inputs)))
    this.up = new Parameter([rank, outputs], zeros)
    if (dora) this.magnitude = new Parameter([outputs], zeros)
    this.dropout = new Dropout(dropout)
    this.rank = rank
    this.alpha = alpha
    this.rankStabilised = rankStabilised
  }

  get scale(): number {
    return this.alpha / (this.rankStabilised ? Math.sqrt(this.rank) : this.rank)
  }

  /** x [..., inputs], and y = x·weight + bias [..., outputs] -> what the adapted layer gives. */
  protected forward(context: Context, x: Value, y: Value, { weight, bias }: AdaptedLayer): Value {
    const [down, up] = [context.use(this.down), context.use(this.up)]
    const change = linear(linear(this.dropout.apply(context, x), down), up, undefined, { alpha: this.scale })
    const changed = add(y, change)
    if (!this.magnitude) return changed
    if (!(weight instanceof Parameter))
      throw new NnError('bad-adapter', 'DoRA needs the norms of the weight, which is in 4-bit numbers here; take LoRA')
    const factor = this.#factor(context.use(weight), down, up, context.use(this.magnitude))
    const scaled = mul(changed, factor)
    return bias ? add(scaled, mul(context.use(bias), sub(1, factor))) : scaled
  }

  /** [outputs], what the columns of weight + scale · down·up are multiplied by: their norm to be over the norm they have. */
  #factor(weight: Value, down: Value, up: Value, magnitude: Value): Value {
    const { scale } = this
    const squares = add(reduceSumSquare(weight, 0), NORM_EPSILON)
    // |w + s·d·u|² = |w|² + s·u·(2 dᵀw + s·dᵀd·u) for each column: no matrix as large as the weight is made.
    const cross = matMul(down, weight, { transA: true, alpha: 2 })
    const own = matMul(matMul(down, down, { transA: true, alpha: scale }), up)
    const moved = add(squares, mul(reduceSum(mul(up, add(cross, own)), 0), scale))
    return div(add(stopGradient(sqrt(squares)), magnitude), stopGradient(sqrt(moved)))
  }
}

/** What an adapter reads of the layer it is beside. */
export interface AdaptedLayer {
  readonly weight: Parameter | FourBitWeight
  readonly bias: Parameter | undefined
}
