import type { Value } from '@volant/graph'
import { type Context, TextConvolution } from '@volant/nn'
import { type Encoder, FeatureLayer, type LayerSettings, type Streams } from '../encoder.js'
import { encodeTokens, fitTokens, TokenEmbedding, type TokensState, tokenStreams } from './tokens.js'

const longest = 256

/**
 * Convolutions over token embeddings, the largest value over time (Kim, "Convolutional neural networks for sentence
 * classification", 2014).
 */
export const cnn: Encoder<string, TokensState> = {
  name: 'cnn',
  fit: (values) => fitTokens(values, longest),
  streams: tokenStreams,
  encode: encodeTokens,
  features: { layer: (state, settings) => new CnnLayer(state, settings) },
}

class CnnLayer extends FeatureLayer {
  readonly width: number
  readonly work: number
  readonly embedding: TokenEmbedding
  readonly convolution: TextConvolution

  constructor(state: TokensState, settings: LayerSettings) {
    super()
    const { embedding = 128, filters = 128, kernels = [1, 2, 3, 4], tokenDropout = 0.1, dropout = 0.2 } = settings
    const widths = kernels as readonly number[]
    this.embedding = new TokenEmbedding(state, Number(embedding), {
      tokenDropout: Number(tokenDropout),
      dropout: Number(dropout),
    })
    this.convolution = new TextConvolution(Number(embedding), Number(filters), widths)
    this.width = Number(filters) * widths.length
    this.work =
      this.embedding.work + widths.reduce((sum, kernel) => sum + kernel * Number(embedding) * Number(filters), 0)
  }

  protected forward(context: Context, streams: Streams): Value {
    const { x, mask } = this.embedding.apply(context, streams)
    return this.convolution.apply(context, x, mask)
  }
}
