import { add, feedForward, type Value } from '@volant/graph'
import { MultiHeadAttention } from './attention.js'
import type { Context } from './context.js'
import { Linear } from './linear.js'
import { Module } from './module.js'
import { Dropout, LayerNorm } from './normalisation.js'

export interface TransformerOptions {
  readonly width: number
  readonly heads: number
  readonly layers: number
  /** Width of the feed-forward layer, default 4 * width. */
  readonly hidden?: number
  readonly dropout?: number
  /** `pre` normalises before each part and once at the end (trains more easily), `post` after each part (as BERT). */
  readonly norm?: 'pre' | 'post'
  /** Position t sees positions up to t only. */
  readonly causal?: boolean
}

/** Linear, exact GELU, linear: x [..., width] -> [..., width]. */
export class FeedForward extends Module {
  readonly up: Linear
  readonly down: Linear

  constructor(width: number, hidden: number) {
    super()
    this.up = new Linear(width, hidden)
    this.down = new Linear(hidden, width)
  }

  protected forward(context: Context, x: Value): Value {
    const [w1, b1, w2, b2] = [this.up.weight, this.up.bias!, this.down.weight, this.down.bias!].map((p) =>
      context.use(p),
    )
    return feedForward(x, w1!, b1!, w2!, b2!)
  }
}

/** Self-attention and feed-forward, each with dropout and a residual connection. */
class TransformerLayer extends Module<[x: Value, mask?: Value]> {
  readonly attention: MultiHeadAttention
  readonly attentionNorm: LayerNorm
  readonly feedForward: FeedForward
  readonly feedForwardNorm: LayerNorm
  readonly dropout: Dropout
  readonly norm: 'pre' | 'post'

  constructor({ width, heads, hidden = 4 * width, dropout = 0, norm = 'post', causal }: TransformerOptions) {
    super()
    this.attention = new MultiHeadAttention(width, heads, causal)
    this.attentionNorm = new LayerNorm(width)
    this.feedForward = new FeedForward(width, hidden)
    this.feedForwardNorm = new LayerNorm(width)
    this.dropout = new Dropout(dropout)
    this.norm = norm
  }

  protected forward(context: Context, x: Value, mask?: Value): Value {
    const attended = this.#residual(context, x, this.attentionNorm, (h) => this.attention.apply(context, h, mask))
    return this.#residual(context, attended, this.feedForwardNorm, (h) => this.feedForward.apply(context, h))
  }

  #residual(context: Context, x: Value, norm: LayerNorm, part: (h: Value) => Value): Value {
    if (this.norm === 'pre') return add(x, this.dropout.apply(context, part(norm.apply(context, x))))
    return norm.apply(context, add(x, this.dropout.apply(context, part(x))))
  }
}

/** Transformer encoder (Vaswani et al. 2017): x [B, T, width], mask bool [B, T] (true = real) -> [B, T, width]. */
export class TransformerEncoder extends Module<[x: Value, mask?: Value]> {
  readonly layers: readonly TransformerLayer[]
  readonly norm: LayerNorm | undefined

  constructor(options: TransformerOptions) {
    super()
    this.layers = Array.from({ length: options.layers }, () => new TransformerLayer(options))
    if (options.norm === 'pre') this.norm = new LayerNorm(options.width)
  }

  protected forward(context: Context, x: Value, mask?: Value): Value {
    const encoded = this.layers.reduce((h, layer) => layer.apply(context, h, mask), x)
    return this.norm ? this.norm.apply(context, encoded) : encoded
  }
}
