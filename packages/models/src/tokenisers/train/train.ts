import { mkdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { ModelsError } from '../../errors.js'
import { templateProcessing } from '../convert/added.js'
import { type Component, type ModelJson, specialToken, tokenizerJson } from '../json.js'
import { normaliser } from '../normalisers.js'
import { preTokeniser } from '../pre-tokenisers.js'
import { Tokeniser } from '../tokeniser.js'
import { learnBpe, learnWordPiece } from './bpe.js'
import type { TokeniserKind, TokeniserTraining } from './settings.js'
import { learnUnigram } from './unigram.js'
import { type Corpus, countWords, type WordCounts } from './words.js'

/** How texts become words before a model of each kind, and tokens text again. */
interface Pipeline {
  readonly specials: readonly string[]
  readonly normaliser: (lowerCase: boolean) => Component | null
  readonly preTokeniser: Component
  readonly decoder: Component
  readonly learn: (words: WordCounts, specials: readonly string[], settings: TokeniserTraining) => ModelJson
}

const byteLevel = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true }
const metaspace = { type: 'Metaspace', replacement: '▁', prepend_scheme: 'always', split: true }
const replace = (Regex: string, content: string) => ({ type: 'Replace', pattern: { Regex }, content })
const fairseq = ['<s>', '<pad>', '</s>', '<unk>', '<mask>']

const pipelines: Readonly<Record<TokeniserKind, Pipeline>> = {
  bpe: {
    specials: fairseq,
    normaliser: (lowerCase) => (lowerCase ? { type: 'Lowercase' } : null),
    preTokeniser: byteLevel,
    decoder: byteLevel,
    learn: learnBpe,
  },
  wordpiece: {
    specials: ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]'],
    normaliser: (lowercase) => ({
      type: 'BertNormalizer',
      clean_text: true,
      handle_chinese_chars: true,
      strip_accents: null,
      lowercase,
    }),
    preTokeniser: { type: 'BertPreTokenizer' },
    decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
    learn: (words, specials, settings) => learnWordPiece(words, specials, unknownOf(specials), settings),
  },
  unigram: {
    specials: fairseq,
    normaliser: (lowerCase) => ({
      type: 'Sequence',
      normalizers: [
        { type: 'NFKC' },
        ...(lowerCase ? [{ type: 'Lowercase' }] : []),
        replace('\\s+', ' '),
        { type: 'Strip', strip_left: true, strip_right: true },
      ],
    }),
    preTokeniser: {
      type: 'Sequence',
      pretokenizers: [metaspace, { type: 'Split', pattern: { Regex: '\\p{P}' }, behavior: 'Isolated', invert: false }],
    },
    decoder: metaspace,
    learn: (words, specials, settings) => learnUnigram(words, specials, unknownOf(specials), settings),
  },
}

/**
 * Trains a tokeniser on lines of text. The same lines in the same order and the same settings give the same tokeniser.
 * Byte-level BPE splits words as GPT-2 does, WordPiece as BERT does (Chinese characters apart), unigram at spaces and
 * round punctuation.
 *
 * @example
 * const tokeniser = await trainTokeniser(lines, { kind: 'wordpiece', vocabularySize: 8000, lowerCase: true })
 * await saveTokeniser(tokeniser, 'my-tokeniser')
 */
export async function trainTokeniser(corpus: Corpus, settings: TokeniserTraining): Promise<Tokeniser> {
  const pipeline = pipelines[settings.kind]
  const specials = settings.specialTokens ?? pipeline.specials
  const parts = {
    normalizer: pipeline.normaliser(settings.lowerCase ?? false),
    pre_tokenizer: pipeline.preTokeniser,
    decoder: pipeline.decoder,
  }
  const normalise = normaliser(parts.normalizer)
  const words = await countWords(corpus, normalise, preTokeniser(parts.pre_tokenizer), settings.onProgress)
  const model = pipeline.learn(words, specials, settings)
  const added_tokens = specials.map((content, id) => ({ ...specialToken(id, content), lstrip: content === '<mask>' }))
  const tokenizer = tokenizerJson({ ...parts, added_tokens, post_processor: around(specials), model })
  return new Tokeniser({ tokenizer, config: configOf(specials) })
}

/** Writes tokenizer.json and tokenizer_config.json into a folder, as other programs read them. */
export async function saveTokeniser({ files }: Tokeniser, folder: string): Promise<void> {
  await mkdir(folder, { recursive: true })
  const write = (name: string, value: unknown) =>
    writeFile(path.join(folder, name), `${JSON.stringify(value, null, 2)}\n`)
  await write('tokenizer.json', files.tokenizer)
  if (files.config) await write('tokenizer_config.json', files.config)
  if (files.specialTokens) await write('special_tokens_map.json', files.specialTokens)
  if (files.chatTemplate !== undefined) await writeFile(path.join(folder, 'chat_template.jinja'), files.chatTemplate)
}

/** What goes round texts: [CLS] and [SEP] with token types, or <s> and </s>, where the special tokens have them. */
function around(specials: readonly string[]): Component | null {
  const idOf = (token: string) => specials.indexOf(token)
  const has = (...tokens: string[]) => tokens.every((token) => specials.includes(token))
  if (has('[CLS]', '[SEP]')) return templateProcessing('[CLS] A [SEP]', '[CLS] A [SEP] B:1 [SEP]:1', idOf)
  return has('<s>', '</s>') ? templateProcessing('<s> A </s>', '<s> A </s> </s> B </s>', idOf) : null
}

/** The roles of special tokens by their usual names. */
const roles: Readonly<Record<string, readonly string[]>> = {
  '[PAD]': ['pad_token'],
  '[UNK]': ['unk_token'],
  '[CLS]': ['cls_token'],
  '[SEP]': ['sep_token'],
  '[MASK]': ['mask_token'],
  '<s>': ['bos_token', 'cls_token'],
  '</s>': ['eos_token', 'sep_token'],
  '<pad>': ['pad_token'],
  '<unk>': ['unk_token'],
  '<mask>': ['mask_token'],
  '<|endoftext|>': ['bos_token', 'eos_token'],
}

function configOf(specials: readonly string[]): Record<string, string> {
  const named = specials.flatMap((token) => (roles[token] ?? []).map((role) => [role, token] as const))
  return { tokenizer_class: 'PreTrainedTokenizerFast', ...Object.fromEntries(named) }
}

function unknownOf(specials: readonly string[]): string {
  const unknown = specials.find((token) => /^[[<]unk[\]>]$/i.test(token))
  if (unknown !== undefined) return unknown
  throw new ModelsError(
    'tokeniser-no-unknown',
    `The special tokens ${specials.join(', ') || '(none)'} have no unknown token, which WordPiece and unigram need; add [UNK] or <unk>.`,
    { specials },
  )
}
