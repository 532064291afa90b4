import { concat, maxOverTime, type Value } from '@volant/graph'
import { AttentionPooling, type Context, Dropout, LSTM } from '@volant/nn'
import { type Encoder, FeatureLayer, type LayerSettings, type Streams } from '../encoder.js'
import { encodeTokens, fitTokens, TokenEmbedding, type TokensState, tokenStreams } from './tokens.js'

const longest = 128

/**
 * Long short-term memory over token embeddings, read from both ends (Graves and Schmidhuber 2005), pooled by learnt attention
 * (Yang et al. 2016) and by the largest value over time (Conneau et al. 2017), side by side.
 */
export const bilstm: Encoder<string, TokensState> = {
  name: 'bilstm',
  fit: (values) => fitTokens(values, longest),
  streams: tokenStreams,
  encode: encodeTokens,
  features: { layer: (state, settings) => new BilstmLayer(state, settings) },
}

class BilstmLayer extends FeatureLayer {
  readonly width: number
  readonly work: number
  readonly embedding: TokenEmbedding
  readonly lstm: LSTM
  readonly dropout: Dropout
  readonly pooling: AttentionPooling

  constructor(state: TokensState, settings: LayerSettings) {
    super()
    const {
      embedding = 128,
      hidden = 128,
      layers = 1,
      tokenDropout = 0.1,
      dropout = 0.2,
      outputDropout = 0.2,
    } = settings
    const [inputs, width] = [Number(embedding), Number(hidden)]
    this.embedding = new TokenEmbedding(state, inputs, {
      tokenDropout: Number(tokenDropout),
      dropout: Number(dropout),
    })
    this.lstm = new LSTM(inputs, width, { bidirectional: true, layers: Number(layers), dropout: Number(outputDropout) })
    this.dropout = new Dropout(Number(outputDropout))
    this.pooling = new AttentionPooling(this.lstm.width)
    this.width = 2 * this.lstm.width
    // Four gates, each with a product of the input and one of the state, in two directions; then the hidden layer of the pooling.
    const lstmWork = Array.from(
      { length: Number(layers) },
      (_, i) => 8 * width * ((i === 0 ? inputs : 2 * width) + width),
    )
    this.work = this.embedding.work + lstmWork.reduce((a, b) => a + b) + this.lstm.width ** 2
  }

  protected forward(context: Context, streams: Streams): Value {
    const { x, mask } = this.embedding.apply(context, streams)
    const read = this.dropout.apply(context, this.lstm.apply(context, x, { mask }).y)
    return concat([this.pooling.apply(context, read, mask), maxOverTime(read, mask)], 1)
  }
}
