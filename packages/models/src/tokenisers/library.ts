import * as tokenizers from '@huggingface/tokenizers'
import type { Component } from './json.js'

interface WithPattern {
  readonly pattern: RegExp
}

interface ChainDecoder {
  decode_chain(tokens: string[]): string[]
}

type Made<T> = new (component: Component) => T

/**
 * What is used of @huggingface/tokenizers. Its own declarations name their files without extensions, which TypeScript
 * does not resolve for Node's modules, so they are stated here.
 */
export const library = tokenizers as unknown as {
  readonly ReplaceNormalizer: Made<WithPattern>
  readonly SplitPreTokenizer: Made<WithPattern>
  readonly BPEDecoder: Made<ChainDecoder>
  readonly CTCDecoder: Made<ChainDecoder>
  readonly FuseDecoder: Made<ChainDecoder>
  readonly ReplaceDecoder: Made<ChainDecoder>
  readonly StripDecoder: Made<ChainDecoder>
  readonly WordPieceDecoder: Made<ChainDecoder>
}
