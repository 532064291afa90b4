import { concat, maxOverTime, type Value } from '@volant/graph'
import { AttentionPooling, type Context, PositionEmbedding, TransformerEncoder } from '@volant/nn'
import { type Encoder, FeatureLayer, type LayerSettings, type Streams } from '../encoder.js'
import { encodeTokens, fitTokens, TokenEmbedding, type TokensState, tokenStreams } from './tokens.js'

const longest = 128

/**
 * A Transformer encoder over token embeddings (Vaswani et al. 2017), pooled by learnt attention (Yang et al. 2016) and by
 * the largest value over time, side by side.
 */
export const transformer: Encoder<string, TokensState> = {
  name: 'transformer',
  fit: (values) => fitTokens(values, longest),
  streams: tokenStreams,
  encode: encodeTokens,
  features: { layer: (state, settings) => new TransformerLayer(state, settings) },
}

class TransformerLayer extends FeatureLayer {
  readonly width: number
  readonly work: number
  readonly embedding: TokenEmbedding
  readonly positions: PositionEmbedding
  readonly encoder: TransformerEncoder
  readonly pooling: AttentionPooling

  constructor(state: TokensState, settings: LayerSettings) {
    super()
    const { width = 128, heads = 4, layers = 2, tokenDropout = 0.1, dropout = 0.2, layerDropout = 0.15 } = settings
    const size = Number(width)
    this.embedding = new TokenEmbedding(state, size, { tokenDropout: Number(tokenDropout), dropout: Number(dropout) })
    this.positions = new PositionEmbedding(state.longest, size)
    this.encoder = new TransformerEncoder({
      width: size,
      heads: Number(heads),
      layers: Number(layers),
      hidden: 2 * size,
      dropout: Number(layerDropout),
      norm: 'pre',
    })
    this.pooling = new AttentionPooling(size)
    this.width = 2 * size
    // Four products of attention, two of the feed-forward layer of twice the width.
    this.work = this.embedding.work + Number(layers) * 8 * size ** 2
  }

  protected forward(context: Context, streams: Streams): Value {
    const { x, mask } = this.embedding.apply(context, streams)
    const encoded = this.encoder.apply(context, this.positions.apply(context, x), mask)
    return concat([this.pooling.apply(context, encoded, mask), maxOverTime(encoded, mask)], 1)
  }
}
