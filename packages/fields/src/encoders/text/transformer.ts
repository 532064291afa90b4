import { greater, type Value } from '@volant/graph'
import {
  AttentionPooling,
  type Context,
  Dropout,
  Embedding,
  normal,
  PositionEmbedding,
  TransformerEncoder,
} from '@volant/nn'
import { type Encoder, FeatureLayer, type LayerSettings, type Streams } from '../encoder.js'
import { encodeTokens, fitTokens, type TokensState, tableRows, tokenStreams } from './tokens.js'

const longest = 128

/** A Transformer encoder over words, pooled by learnt attention (Vaswani et al. 2017; Yang et al. 2016). */
export const transformer: Encoder<string, TokensState> = {
  name: 'transformer',
  fit: (values) => fitTokens(values, longest),
  streams: () => tokenStreams,
  encode: encodeTokens,
  features: { layer: (state, settings) => new TransformerLayer(tableRows(state), state.longest, settings) },
}

class TransformerLayer extends FeatureLayer {
  readonly width: number
  readonly work: number
  readonly embedding: Embedding
  readonly positions: PositionEmbedding
  readonly dropout: Dropout
  readonly encoder: TransformerEncoder
  readonly pooling: AttentionPooling

  constructor(rows: number, positions: number, settings: LayerSettings) {
    super()
    const { width = 128, heads = 4, layers = 2, dropout = 0.1 } = settings
    this.width = Number(width)
    // Four products of attention, two of the feed-forward layer of twice the width.
    this.work = Number(layers) * 8 * this.width ** 2
    this.embedding = new Embedding(rows, this.width, { initialiser: normal(0.1) })
    this.positions = new PositionEmbedding(positions, this.width)
    this.dropout = new Dropout(Number(dropout))
    this.encoder = new TransformerEncoder({
      width: this.width,
      heads: Number(heads),
      layers: Number(layers),
      hidden: 2 * this.width,
      dropout: Number(dropout),
      norm: 'pre',
    })
    this.pooling = new AttentionPooling(this.width)
  }

  protected forward(context: Context, streams: Streams): Value {
    const mask = greater(streams['.weights']!, 0)
    const x = this.positions.apply(context, this.embedding.apply(context, streams['.ids']!))
    const encoded = this.encoder.apply(context, this.dropout.apply(context, x), mask)
    return this.pooling.apply(context, encoded, mask)
  }
}
