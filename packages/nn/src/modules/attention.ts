import { attention, matMul, reshape, softmax, squeeze, tanh, unsqueeze, type Value, where } from '@volant/graph'
import { NnError } from '../errors.js'
import type { Context } from './context.js'
import { Linear } from './linear.js'
import { Module } from './module.js'

/** Multi-head self-attention (Vaswani et al. 2017): x [B, T, width], mask bool [B, T] (true = real) -> [B, T, width]. */
export class MultiHeadAttention extends Module<[x: Value, mask?: Value]> {
  readonly query: Linear
  readonly key: Linear
  readonly value: Linear
  readonly output: Linear

  constructor(
    width: number,
    readonly heads: number,
    readonly causal = false,
  ) {
    super()
    if (width % heads !== 0)
      throw new NnError('bad-heads', `Attention: a width of ${width} cannot be split into ${heads} heads`, {
        width,
        heads,
      })
    this.query = new Linear(width, width)
    this.key = new Linear(width, width)
    this.value = new Linear(width, width)
    this.output = new Linear(width, width)
  }

  protected forward(context: Context, x: Value, mask?: Value): Value {
    const [q, k, v] = [this.query, this.key, this.value].map((layer) => layer.apply(context, x))
    return this.output.apply(context, attention(q!, k!, v!, { heads: this.heads, mask, causal: this.causal }))
  }
}

/**
 * Mean over time weighted by a learnt score, softmax(v·tanh(Wx)): x [B, T, width], mask bool [B, T] (true = real) ->
 * [B, width] (Yang et al. 2016, "Hierarchical attention networks").
 */
export class AttentionPooling extends Module<[x: Value, mask?: Value]> {
  readonly hidden: Linear
  readonly score: Linear

  constructor(width: number, hidden = width) {
    super()
    this.hidden = new Linear(width, hidden)
    this.score = new Linear(hidden, 1, { bias: false })
  }

  protected forward(context: Context, x: Value, mask?: Value): Value {
    const [batch, time, width] = x.shape
    const scores = reshape(this.score.apply(context, tanh(this.hidden.apply(context, x))), [batch!, time!])
    const weights = softmax(mask ? where(mask, scores, -1e9) : scores)
    return reshape(squeeze(matMul(unsqueeze(weights, 1), x), [1]), [batch!, width!])
  }
}
