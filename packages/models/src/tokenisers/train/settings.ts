/** The kinds of tokenisers that can be trained. */
export type TokeniserKind = 'bpe' | 'wordpiece' | 'unigram'

export interface TokeniserTraining {
  readonly kind: TokeniserKind
  /** How many tokens, special ones and single characters included. A small corpus may give fewer. */
  readonly vocabularySize: number
  /**
   * They take the first ids. Where [CLS] and [SEP], or <s> and </s>, are among them, they go round every text. WordPiece
   * begins with [PAD], [UNK], [CLS], [SEP] and [MASK] unless told otherwise, the others with <s>, <pad>, </s>, <unk>
   * and <mask>; a decoder wants ['<|endoftext|>'].
   */
  readonly specialTokens?: readonly string[]
  /** Texts are taken in lower case, and WordPiece takes accents away; false unless said otherwise. */
  readonly lowerCase?: boolean
  /** Pairs and substrings that are rarer become no tokens; 2 unless said otherwise. */
  readonly minFrequency?: number
  /** At most so many different characters, the most frequent ones; no limit unless said. Byte-level BPE has no need of it. */
  readonly alphabetLimit?: number
  readonly onProgress?: (progress: TrainingProgress) => void
}

export interface TrainingProgress {
  /** Counting the words of `done` lines; then learning `total` tokens, or (unigram) dropping pieces down to `total`. */
  readonly phase: 'words' | 'tokens' | 'pieces'
  readonly done: number
  readonly total?: number
}
