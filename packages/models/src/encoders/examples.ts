/** Queries with what is to be found for them. */
export interface TextPairs {
  readonly kind: 'pairs'
  readonly queries: readonly string[]
  readonly answers: readonly string[]
  /** What is not to be found for a query though it is like an answer. */
  readonly negatives?: readonly string[]
}

/** Two texts and how alike they are. */
export interface ScoredPairs {
  readonly kind: 'scored'
  readonly first: readonly string[]
  readonly second: readonly string[]
  readonly scores: readonly number[]
}

/** Texts of which those of one label belong together. */
export interface LabelledTexts {
  readonly kind: 'labelled'
  readonly texts: readonly string[]
  readonly labels: readonly string[]
}

/** What embeddings are measured by and learnt from. */
export type EmbeddingExamples = TextPairs | ScoredPairs | LabelledTexts
