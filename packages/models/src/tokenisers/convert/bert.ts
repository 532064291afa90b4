import { ModelsError } from '../../errors.js'
import { type TokenizerJson, tokenizerJson } from '../json.js'
import { addedTokens, type Beside, templateProcessing } from './added.js'

/** A BERT vocabulary (vocab.txt: one token a line, its number is its id) as a tokenizer.json. */
export function fromBertVocabulary(text: string, beside: Beside, file = 'vocab.txt'): TokenizerJson {
  const lines = text.split(/\r?\n/)
  while (lines.at(-1) === '') lines.pop()
  const vocab = Object.fromEntries(lines.map((token, id) => [token, id]))
  const { config } = beside
  const unknown = typeof config['unk_token'] === 'string' ? config['unk_token'] : '[UNK]'
  if (!(unknown in vocab))
    throw new ModelsError(
      'tokeniser-no-unknown',
      `${file} has ${lines.length} tokens, but not the unknown token ${unknown}; add it, or name another one as "unk_token" in tokenizer_config.json.`,
      { file, unknown },
    )
  const idOf = (token: string) => vocab[token]
  return tokenizerJson({
    added_tokens: addedTokens(beside, idOf, ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]']),
    normalizer: bertNormaliser(config),
    pre_tokenizer: { type: 'BertPreTokenizer' },
    post_processor: templateProcessing('[CLS] A [SEP]', '[CLS] A [SEP] B:1 [SEP]:1', idOf),
    decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
    model: {
      type: 'WordPiece',
      unk_token: unknown,
      continuing_subword_prefix: '##',
      max_input_chars_per_word: 100,
      vocab,
    },
  })
}

/** BERT's normalisation as tokenizer_config.json sets it. */
export function bertNormaliser(config: Readonly<Record<string, unknown>>) {
  return {
    type: 'BertNormalizer',
    clean_text: true,
    handle_chinese_chars: config['tokenize_chinese_chars'] ?? true,
    strip_accents: config['strip_accents'] ?? null,
    lowercase: config['do_lower_case'] ?? true,
  }
}
