import { ModelsError } from '../errors.js'
import { BpeModel } from './bpe.js'
import type { ModelJson } from './json.js'
import type { SubwordModel } from './subword.js'
import { UnigramModel } from './unigram.js'
import { WordPieceModel } from './wordpiece.js'

/** The model that a tokenizer.json describes. Throws ModelsError where its parts do not fit together. */
export function subwordModel(json: ModelJson): SubwordModel {
  if (json.type === 'Unigram') return new UnigramModel(json)
  const unknown = json.unk_token
  if (unknown != null && !(unknown in json.vocab))
    throw new ModelsError(
      'tokeniser-no-unknown',
      `The tokeniser's unknown token ${JSON.stringify(unknown)} is not in its vocabulary of ${Object.keys(json.vocab).length} tokens; name one that is, or add it.`,
      { unknown },
    )
  return json.type === 'BPE' ? new BpeModel(json) : new WordPieceModel(json)
}
