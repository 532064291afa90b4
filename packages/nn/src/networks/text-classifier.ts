import { greater, maxOverTime, reshape, transpose, type Value } from '@volant/graph'
import { AttentionPooling } from '../modules/attention.js'
import type { Context } from '../modules/context.js'
import { Embedding } from '../modules/embedding.js'
import { normal } from '../modules/initialisers.js'
import { Linear } from '../modules/linear.js'
import { Module } from '../modules/module.js'
import { Dropout } from '../modules/normalisation.js'
import { GRU, LSTM } from '../modules/recurrent.js'

export interface TextClassifierOptions {
  /** Number of tokens there are; 0 pads. */
  readonly vocabulary: number
  readonly classes: number
  /** Of the token vectors. */
  readonly width: number
  /** Of the states, in each direction. */
  readonly hidden: number
  readonly cell?: 'lstm' | 'gru'
  readonly layers?: number
  readonly bidirectional?: boolean
  /** What of the steps is judged: the last states, each number's largest value over time, or a mean weighted by attention. */
  readonly pooling?: 'last' | 'max' | 'attention'
  readonly dropout?: number
}

/** Embedding, recurrent layers, pooling, linear: ids int64 [B, T], 0 after a row's end -> logits [B, classes]. */
export class TextClassifier extends Module<[ids: Value]> {
  readonly tokens: Embedding
  readonly recurrent: LSTM | GRU
  readonly attention: AttentionPooling | undefined
  readonly head: Linear
  readonly dropout: Dropout

  constructor(readonly options: TextClassifierOptions) {
    super()
    const { vocabulary, classes, width, hidden, cell = 'lstm', dropout = 0, pooling = 'max' } = options
    const { layers, bidirectional = true } = options
    this.tokens = new Embedding(vocabulary, width, { initialiser: normal(0.1) })
    this.recurrent = new { lstm: LSTM, gru: GRU }[cell](width, hidden, { layers, bidirectional, dropout })
    if (pooling === 'attention') this.attention = new AttentionPooling(this.recurrent.width)
    this.head = new Linear(this.recurrent.width, classes)
    this.dropout = new Dropout(dropout)
  }

  protected forward(context: Context, ids: Value): Value {
    const mask = greater(ids, 0)
    const x = this.dropout.apply(context, this.tokens.apply(context, ids))
    const { y, last } = this.recurrent.apply(context, x, { mask })
    const pooled = this.#pool(context, y, last.at(-1)![0]!, mask)
    return this.head.apply(context, this.dropout.apply(context, pooled))
  }

  #pool(context: Context, y: Value, last: Value, mask: Value): Value {
    if (this.attention) return this.attention.apply(context, y, mask)
    if (this.options.pooling === 'last') return reshape(transpose(last, [1, 0, 2]), [y.shape[0]!, y.shape[2]!])
    return maxOverTime(y, mask)
  }
}
