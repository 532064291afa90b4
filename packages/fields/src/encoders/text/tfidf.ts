import { embeddingBag } from '@volant/graph'
import type { CsrMatrix } from '@volant/nn'
import { bagColumn, RowsBuilder } from '../columns.js'
import type { Encoder, Stream } from '../encoder.js'
import { characterHashes, defaultNgrams, type NgramSettings, wordHashes } from './ngrams.js'
import { RowCounts, type Vocabulary, VocabularyIndex } from './vocabulary.js'

export interface TfidfState {
  readonly ngrams: NgramSettings
  /** Rows the vocabularies were counted on. */
  readonly rows: number
  readonly words: Vocabulary
  readonly characters: Vocabulary
}

/**
 * TF-IDF of word and character n-grams as scikit-learn's TfidfVectorizer computes it (sublinear tf 1 + ln tf, smooth idf
 * ln((1 + rows) / (1 + df)) + 1, length 1), words and characters as two blocks side by side. N-grams are kept by their
 * 32-bit hash, so that a model holds no words of the texts it was trained on.
 */
export const tfidf: Encoder<string, TfidfState> = {
  ...weightedNgrams({ words: 150_000, characters: 250_000 }),
  name: 'tfidf',
  wide: {
    width: vocabularySize,
    rows,
    scores: (streams, weight) => embeddingBag(weight, streams['.ids']!, streams['.weights']!),
  },
}

/**
 * N-grams by the columns of a vocabulary with their TF-IDF. Those seen in a single row help too (they separate the
 * training rows), so only a size bounds the vocabulary.
 */
export function weightedNgrams(largest: {
  words: number
  characters: number
}): Pick<Encoder<string, TfidfState>, 'fit' | 'streams' | 'encode'> {
  return {
    fit: (values) => fit(values, largest),
    streams: () => streams,
    encode: (values, state) => bagColumn(rows(values, state)),
  }
}

const streams: readonly Stream[] = [
  { suffix: '.ids', dtype: 'int64', dims: ['n'], meaning: 'column of an n-gram, 0 where padded' },
  { suffix: '.weights', dtype: 'float32', dims: ['n'], meaning: 'TF-IDF of the n-gram, 0 where padded' },
]

function fit(values: readonly (string | null)[], largest: { words: number; characters: number }): TfidfState {
  const counts = { words: new RowCounts(), characters: new RowCounts() }
  let rows = 0
  for (const text of values) {
    if (text === null) continue
    rows++
    counts.words.addRow(wordHashes(text, defaultNgrams.words))
    counts.characters.addRow(characterHashes(text, defaultNgrams))
  }
  return {
    ngrams: defaultNgrams,
    rows,
    words: counts.words.vocabulary(largest.words),
    characters: counts.characters.vocabulary(largest.characters),
  }
}

/** At least one column, so that the table in the graph is never empty. */
export function vocabularySize(state: TfidfState): number {
  return Math.max(1, state.words.hashes.length + state.characters.hashes.length)
}

interface Block {
  readonly index: VocabularyIndex
  readonly idf: Float64Array
  readonly offset: number
  readonly hashes: (text: string) => Uint32Array
}

const blocksOf = new WeakMap<TfidfState, readonly Block[]>()

/** The lookup tables of a state, made once. */
function blocks(state: TfidfState): readonly Block[] {
  const known = blocksOf.get(state)
  if (known) return known
  const idf = (df: readonly number[]) => Float64Array.from(df, (n) => Math.log((1 + state.rows) / (1 + n)) + 1)
  const made: Block[] = [
    {
      index: new VocabularyIndex(state.words),
      idf: idf(state.words.df),
      offset: 0,
      hashes: (text) => wordHashes(text, state.ngrams.words),
    },
    {
      index: new VocabularyIndex(state.characters),
      idf: idf(state.characters.df),
      offset: state.words.hashes.length,
      hashes: (text) => characterHashes(text, state.ngrams),
    },
  ]
  blocksOf.set(state, made)
  return made
}

/** Scratch space of a block: how often each place of its vocabulary is met in a text (all 0 in between), and which are. */
interface Counter {
  readonly block: Block
  readonly counts: Int32Array
  readonly seen: Int32Array
}

function rows(values: readonly (string | null)[], state: TfidfState): CsrMatrix {
  const builder = new RowsBuilder()
  const counters = blocks(state).map((block): Counter => {
    const { length } = block.idf
    return { block, counts: new Int32Array(length), seen: new Int32Array(length) }
  })
  for (const text of values) {
    if (text !== null) for (const counter of counters) addBlock(text, counter, builder)
    builder.endRow()
  }
  return builder.matrix(vocabularySize(state))
}

/** Appends the weighted n-grams of one text, scaled to length 1. */
function addBlock(text: string, { block, counts, seen }: Counter, builder: RowsBuilder): void {
  const hashes = block.hashes(text)
  let size = 0
  for (let i = 0; i < hashes.length; i++) {
    const place = block.index.place(hashes[i]!)
    if (place >= 0 && counts[place]!++ === 0) seen[size++] = place
  }
  let squares = 0
  const from = builder.size
  for (let i = 0; i < size; i++) {
    const place = seen[i]!
    const count = counts[place]!
    const weight = (count === 1 ? 1 : 1 + Math.log(count)) * block.idf[place]!
    counts[place] = 0
    squares += weight * weight
    builder.push(block.offset + place, weight)
  }
  builder.scale(from, 1 / Math.sqrt(squares))
}
