import { greater, type Value } from '@volant/graph'
import { type Context, Dropout, Embedding, normal, TextConvolution } from '@volant/nn'
import { type Encoder, FeatureLayer, type LayerSettings, type Streams } from '../encoder.js'
import { encodeTokens, fitTokens, type TokensState, tableRows, tokenStreams } from './tokens.js'

/** Convolutions over word embeddings, the largest value over time (Kim, "Convolutional neural networks for sentence classification", 2014). */
export const cnn: Encoder<string, TokensState> = {
  name: 'cnn',
  fit: (values) => fitTokens(values, 256),
  streams: () => tokenStreams,
  encode: encodeTokens,
  features: { layer: (state, settings) => new CnnLayer(tableRows(state), settings) },
}

class CnnLayer extends FeatureLayer {
  readonly width: number
  readonly work: number
  readonly embedding: Embedding
  readonly dropout: Dropout
  readonly convolution: TextConvolution

  constructor(rows: number, settings: LayerSettings) {
    super()
    const { embedding = 128, filters = 128, kernels = [1, 2, 3], embeddingDropout = 0.2 } = settings
    this.embedding = new Embedding(rows, Number(embedding), { initialiser: normal(0.3) })
    this.dropout = new Dropout(Number(embeddingDropout))
    this.convolution = new TextConvolution(Number(embedding), Number(filters), kernels as readonly number[])
    this.width = Number(filters) * (kernels as readonly number[]).length
    this.work = (kernels as readonly number[]).reduce(
      (sum, kernel) => sum + kernel * Number(embedding) * Number(filters),
      0,
    )
  }

  protected forward(context: Context, streams: Streams): Value {
    const x = this.dropout.apply(context, this.embedding.apply(context, streams['.ids']!))
    return this.convolution.apply(context, x, greater(streams['.weights']!, 0))
  }
}
