import { concat, greater, type Value } from '@volant/graph'
import type { Context } from '../modules/context.js'
import { CRF } from '../modules/crf.js'
import { Embedding } from '../modules/embedding.js'
import { normal } from '../modules/initialisers.js'
import { Linear } from '../modules/linear.js'
import { Module } from '../modules/module.js'
import { Dropout } from '../modules/normalisation.js'
import { LSTM } from '../modules/recurrent.js'
import type { TagScheme } from '../sequences/tags.js'

export interface TaggerOptions {
  /** For each kind of ids a step has (its character, the pair it begins, …): how many there are, 0 pads, and their width. */
  readonly tables: readonly { readonly vocabulary: number; readonly width: number }[]
  readonly scheme: TagScheme
  /** Of the states, in each direction. */
  readonly hidden: number
  readonly layers?: number
  readonly dropout?: number
}

/**
 * Embedding, BiLSTM, linear and a conditional random field (Huang, Xu, Yu 2015, "Bidirectional LSTM-CRF models for sequence
 * tagging"): ids int64 [B, T] of each table -> emissions [B, T, tags].
 */
export class Tagger extends Module<[ids: readonly Value[]]> {
  readonly tables: readonly Embedding[]
  readonly lstm: LSTM
  readonly head: Linear
  readonly dropout: Dropout
  readonly crf: CRF

  constructor({ tables, scheme, hidden, layers = 1, dropout = 0 }: TaggerOptions) {
    super()
    this.tables = tables.map(({ vocabulary, width }) => new Embedding(vocabulary, width, { initialiser: normal(0.1) }))
    const width = tables.reduce((sum, table) => sum + table.width, 0)
    this.lstm = new LSTM(width, hidden, { layers, bidirectional: true, dropout })
    this.head = new Linear(this.lstm.width, scheme.tags.length)
    this.dropout = new Dropout(dropout)
    this.crf = new CRF(scheme.tags.length, scheme)
  }

  protected forward(context: Context, ids: readonly Value[]): Value {
    const vectors = this.tables.map((table, i) => table.apply(context, ids[i]!))
    const x = this.dropout.apply(context, concat(vectors, 2))
    const { y } = this.lstm.apply(context, x, { mask: greater(ids[0]!, 0) })
    return this.head.apply(context, this.dropout.apply(context, y))
  }

  /** Mean negative log-likelihood of the tags, int64 [B, T]. */
  loss(context: Context, ids: readonly Value[], tags: Value): Value {
    return this.crf.apply(context, this.apply(context, ids), tags, greater(ids[0]!, 0))
  }
}
