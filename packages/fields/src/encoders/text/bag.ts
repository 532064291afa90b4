import type { Value } from '@volant/graph'
import { type Context, type CsrMatrix, EmbeddingBag, uniform } from '@volant/nn'
import { bagColumn, RowsBuilder } from '../columns.js'
import { type Encoder, FeatureLayer, type Streams } from '../encoder.js'
import { characterHashes, defaultNgrams, type NgramSettings, wordHashes } from './ngrams.js'

export interface BagState {
  readonly ngrams: NgramSettings
  /** Rows of the table; an n-gram's row is its hash modulo this. */
  readonly buckets: number
  /** Texts counted. */
  readonly rows: number
  /** In how many texts each bucket was hit. */
  readonly df: readonly number[]
}

const buckets = 1 << 16

/**
 * Word and character n-grams hashed into a table of embeddings, summed with their idf and scaled to length 1 (the bag of
 * Joulin, Grave, Bojanowski, Mikolov, "Bag of tricks for efficient text classification", 2016, with weights).
 */
export const bag: Encoder<string, BagState> = {
  name: 'bag',

  fit(values) {
    const df = new Int32Array(buckets)
    const texts = values.filter((text) => text !== null)
    for (const text of texts) for (const bucket of new Set(bucketsOf(text, defaultNgrams, buckets))) df[bucket]!++
    return { ngrams: defaultNgrams, buckets, rows: texts.length, df: [...df] }
  },

  streams: () => [
    { suffix: '.ids', dtype: 'int64', dims: ['n'], meaning: 'bucket of an n-gram, 0 where padded' },
    { suffix: '.weights', dtype: 'float32', dims: ['n'], meaning: 'weight of the n-gram, 0 where padded' },
  ],

  encode: (values, state) => bagColumn(rows(values, state)),

  features: { layer: (state, settings) => new BagLayer(state.buckets, Number(settings['width'] ?? 64)) },
}

function bucketsOf(text: string, ngrams: NgramSettings, count: number): number[] {
  return [...wordHashes(text, ngrams.words), ...characterHashes(text, ngrams)].map((hash) => hash % count)
}

function rows(values: readonly (string | null)[], state: BagState): CsrMatrix {
  const builder = new RowsBuilder()
  const idf = Float64Array.from(state.df, (n) => Math.log((1 + state.rows) / (1 + n)) + 1)
  for (const text of values) {
    if (text !== null) addText(text, state, idf, builder)
    builder.endRow()
  }
  return builder.matrix(state.buckets)
}

function addText(text: string, state: BagState, idf: Float64Array, builder: RowsBuilder): void {
  const counts = new Map<number, number>()
  for (const bucket of bucketsOf(text, state.ngrams, state.buckets)) counts.set(bucket, (counts.get(bucket) ?? 0) + 1)
  const from = builder.size
  let squares = 0
  for (const [bucket, count] of counts) {
    const weight = (1 + Math.log(count)) * idf[bucket]!
    squares += weight * weight
    builder.push(bucket, weight)
  }
  builder.scale(from, 1 / Math.sqrt(squares))
}

/** Fetching, deduplicating and updating a number of a row, in multiply-adds of a matrix product. */
const lookupWork = 60

class BagLayer extends FeatureLayer {
  readonly bag: EmbeddingBag
  readonly work: number

  constructor(
    buckets: number,
    readonly width: number,
  ) {
    super()
    this.work = lookupWork * width
    this.bag = new EmbeddingBag(buckets, width, { initialiser: uniform(0.5) })
  }

  protected forward(context: Context, streams: Streams): Value {
    return this.bag.apply(context, streams['.ids']!, streams['.weights']!)
  }
}
