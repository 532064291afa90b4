/** The classifier both train: a table of hashed words and pairs of words, the mean of a text's rows, one linear layer. */
export const shape = { buckets: 2 ** 18, width: 64 }
/** Ours. */
export const settings = { epochs: 3, batchSize: 256, learningRate: 0.01, clip: 5 }
/** fastText's: as its own tutorial for classification has them. */
export const fastText = { dim: 100, lr: 0.5, epoch: 5, wordNgrams: 2 }
