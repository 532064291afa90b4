import type { Value } from '@volant/graph'
import { type Context, Dropout, EmbeddingBag, normal } from '@volant/nn'
import { type Encoder, FeatureLayer, type LayerSettings, type Streams } from '../encoder.js'
import { type TfidfState, vocabularySize, weightedNgrams } from './tfidf.js'

/** An n-gram costs a row of embeddings here, so fewer are kept than for the linear model. */
const largestVocabulary = { words: 30_000, characters: 60_000 }

/**
 * Hashed word and character n-grams as a sum of embeddings weighted by TF-IDF (the bag of Joulin, Grave, Bojanowski,
 * Mikolov, "Bag of tricks for efficient text classification", 2016, with weights).
 */
export const bag: Encoder<string, TfidfState> = {
  ...weightedNgrams(largestVocabulary),
  name: 'bag',
  features: { layer: (state, settings) => new BagLayer(vocabularySize(state), settings) },
}

/** Fetching, deduplicating and updating a number of a row, in multiply-adds of a matrix product. */
const lookupWork = 60

class BagLayer extends FeatureLayer {
  readonly width: number
  readonly work: number
  readonly bag: EmbeddingBag
  readonly dropout: Dropout

  constructor(ngrams: number, { width = 128, ngramDropout = 0.1 }: LayerSettings) {
    super()
    this.width = Number(width)
    this.work = lookupWork * this.width
    this.bag = new EmbeddingBag(ngrams, this.width, { initialiser: normal(0.1), byRow: true })
    this.dropout = new Dropout(Number(ngramDropout))
  }

  protected forward(context: Context, streams: Streams): Value {
    const weights = this.dropout.apply(context, streams['.weights']!)
    return this.bag.apply(context, streams['.ids']!, weights)
  }
}
