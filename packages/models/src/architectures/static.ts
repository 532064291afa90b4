import type { Value } from '@volant/graph'
import { type Context, Embedding, Module } from '@volant/nn'
import type { Pooling } from '../encoders/pooling.js'
import type { TokeniserFiles } from '../tokenisers/tokeniser.js'
import type { EncoderArchitecture, EncoderNetwork } from './architecture.js'

/** A vector for each token, whatever stands beside it: only a table. */
class StaticNetwork extends Module<[ids: Value]> implements EncoderNetwork {
  readonly words: Embedding
  readonly work = 1

  constructor(
    readonly vocabulary: number,
    readonly width: number,
    readonly positions: number,
  ) {
    super()
    this.words = new Embedding(vocabulary, width)
  }

  protected forward(context: Context, ids: Value): Value {
    return this.words.apply(context, ids)
  }
}

/** Nothing is ever cut from a text. */
export const longestStatic = 1_000_000

export const staticPooling: Pooling = { mode: 'mean', normalise: true }

/** Only a text's own tokens count. */
export const withoutTemplate = (files: TokeniserFiles): TokeniserFiles => ({
  ...files,
  tokenizer: { ...files.tokenizer, post_processor: null },
})

/** Static token embeddings in the layout of Model2Vec (Tulkens and van Dongen 2024). */
export const staticEmbeddings: EncoderArchitecture = {
  type: 'model2vec',
  network: (config) => new StaticNetwork(config.size('vocab_size'), config.size('hidden_dim'), longestStatic),
  prefixes: [],
  names: { 'words.table': 'embeddings' },
  pooling: (config) => ({ ...staticPooling, normalise: config.boolean('normalize', true) }),
  tokeniser: withoutTemplate,
}
