import { add, type Dim, range, type Value } from '@volant/graph'
import {
  type Context,
  Dropout,
  Embedding,
  LayerNorm,
  Linear,
  Module,
  normal,
  TransformerEncoder,
  type TransformerEncoderOptions,
} from '@volant/nn'
import type { EncoderInputs, EncoderNetwork } from './architecture.js'

export interface BertOptions extends Pick<TransformerEncoderOptions, 'activation' | 'sharedLayers'> {
  readonly vocabulary: number
  readonly width: number
  /** Width of the embeddings where they are narrower than the layers and widened by a linear map. */
  readonly embedding?: number
  readonly layers: number
  readonly heads: number
  /** Width of the feed-forward layers. */
  readonly hidden: number
  /** Rows of the position table. */
  readonly places: number
  /** The first of its rows that a text uses, default 0. */
  readonly firstPlace?: number
  /** Kinds of token: which text of a pair it is in; 0 = there is no such table. */
  readonly types: number
  readonly epsilon: number
  readonly dropout: number
  readonly attentionDropout: number
  /** Update only the rows of words that a step uses; default see `TableOptions`, false where the table is an output layer too. */
  readonly byRow?: boolean
}

/**
 * The encoder of BERT (Devlin et al. 2019) and its kin: the sum of word, position and type embeddings, normalised, through
 * Transformer layers that normalise after each part.
 */
export class BertNetwork extends Module<[ids: Value, inputs?: EncoderInputs]> implements EncoderNetwork {
  readonly words: Embedding
  readonly places: Embedding
  readonly types: Embedding | undefined
  readonly norm: LayerNorm
  readonly dropout: Dropout
  readonly widen: Linear | undefined
  readonly encoder: TransformerEncoder
  readonly width: number
  readonly vocabulary: number
  readonly positions: number
  readonly work: number
  readonly firstPlace: number

  /** @param shared a network whose embeddings this one uses too */
  constructor(
    readonly options: BertOptions,
    shared?: BertNetwork,
  ) {
    super()
    const { vocabulary, width, embedding = width, layers, hidden, places, firstPlace = 0, types, epsilon } = options
    const initialiser = normal(0.02)
    this.words = shared?.words ?? new Embedding(vocabulary, embedding, { initialiser, byRow: options.byRow })
    this.places = shared?.places ?? new Embedding(places, embedding, { initialiser, byRow: false })
    if (types > 0) this.types = shared?.types ?? new Embedding(types, embedding, { initialiser, byRow: false })
    this.norm = shared?.norm ?? new LayerNorm(embedding, epsilon)
    this.dropout = new Dropout(options.dropout)
    if (embedding !== width) this.widen = new Linear(embedding, width, { initialiser })
    this.encoder = new TransformerEncoder({ ...options, norm: 'post', initialiser })
    this.width = width
    this.vocabulary = vocabulary
    this.firstPlace = firstPlace
    this.positions = places - firstPlace
    this.work = layers * (4 * width ** 2 + 2 * width * hidden)
  }

  protected forward(context: Context, ids: Value, { mask, types }: EncoderInputs = {}): Value {
    const time: Dim = ids.shape[1]!
    const words = this.words.apply(context, ids)
    const places = this.places.apply(context, add(range(context.builder, time), this.firstPlace))
    const kinds = types ?? range(context.builder, 1)
    const sum = add(add(words, places), this.types ? this.types.apply(context, kinds) : 0)
    const embedded = this.dropout.apply(context, this.norm.apply(context, sum))
    return this.encoder.apply(context, this.widen ? this.widen.apply(context, embedded) : embedded, mask)
  }
}
