import { ModelsError } from '../../errors.js'
import { type Component, type ModelJson, specialToken, type TokenizerJson, tokenizerJson } from '../json.js'
import { addedTokens, type Beside, templateProcessing } from './added.js'
import { byteLevelModel } from './byte-level-bpe.js'
import { mergesOfScores } from './scored-merges.js'
import { pieceType, type SentencePieceModel } from './sentencepiece.js'

/** The character that SentencePiece writes for a space. */
const space = '▁'

/** What a family of models does to a SentencePiece vocabulary, and where it puts special tokens. */
interface Family {
  readonly name: RegExp
  readonly pieces?: (pieces: readonly Piece[], config: Beside['config']) => Piece[]
  readonly normalisers?: (config: Beside['config']) => Component[]
  readonly template?: (config: Beside['config']) => readonly [single: string, pair: string]
}

type Piece = SentencePieceModel['pieces'][number]

const control = (piece: string): Piece => ({ piece, score: 0, type: pieceType.control })
const replace = (pattern: Component['pattern'], content: string) => ({ type: 'Replace', pattern, content })

const families: readonly Family[] = [
  {
    name: /xlm-?roberta/i,
    pieces: (pieces) => [
      ...['<s>', '<pad>', '</s>'].map(control),
      { piece: '<unk>', score: 0, type: pieceType.unknown },
      ...pieces.slice(3),
      control('<mask>'),
    ],
    template: () => ['<s> A </s>', '<s> A </s> </s> B </s>'],
  },
  {
    name: /albert/i,
    normalisers: ({ keep_accents, do_lower_case }) => [
      replace({ String: '``' }, '"'),
      replace({ String: "''" }, '"'),
      ...(keep_accents ? [] : [{ type: 'NFKD' }, { type: 'StripAccents' }]),
      ...((do_lower_case ?? true) ? [{ type: 'Lowercase' }] : []),
    ],
    template: () => ['[CLS] A [SEP]', '[CLS] A [SEP] B:1 [SEP]:1'],
  },
  {
    name: /t5/i,
    pieces: (pieces, { extra_ids = 100 }) => [
      ...pieces,
      ...Array.from({ length: Number(extra_ids) }, (_, i) => control(`<extra_id_${Number(extra_ids) - 1 - i}>`)),
    ],
    template: () => ['A </s>', 'A </s> B </s>'],
  },
  {
    name: /^/,
    template: (config) => edges(config),
  },
]

/** `<s> A`, `A </s>` and so on, as tokenizer_config.json asks for them; Llama's kind begins with <s> unless told not to. */
function edges({ tokenizer_class, add_bos_token, add_eos_token }: Beside['config']): [string, string] {
  const first = (add_bos_token ?? /llama|mistral|gemma/i.test(String(tokenizer_class))) ? 'BOS' : ''
  const last = add_eos_token ? 'EOS' : ''
  return [`${first} A ${last}`, `${first} A ${last} ${first && `${first}:1`} B:1 ${last && `${last}:1`}`]
}

/**
 * A SentencePiece model as a tokenizer.json. The family (XLM-RoBERTa, ALBERT, T5, Llama and its like) is taken from
 * `tokenizer_class` or `model_type` in `beside.config`; it decides on special tokens and extra normalisation.
 */
export function fromSentencePiece(model: SentencePieceModel, beside: Beside, file: string): TokenizerJson {
  const { config } = beside
  const name = String(config['tokenizer_class'] ?? config['model_type'] ?? '')
  const family = families.find((f) => f.name.test(name))!
  const pieces = family.pieces?.(model.pieces, config) ?? [...model.pieces]
  const ids = new Map(pieces.map(({ piece }, id) => [piece, id]))
  const idOf = (token: string) => ids.get(token)
  const unknown = pieces.findIndex(({ type }) => type === pieceType.unknown)
  if (unknown < 0)
    throw new ModelsError(
      'tokeniser-no-unknown',
      `${file} has ${pieces.length} pieces and none of them is the unknown one; SentencePiece models have one, so fetch the file again.`,
      { file },
    )
  return tokenizerJson({
    added_tokens: added(pieces, beside, idOf),
    ...stages(model, family.normalisers?.(config) ?? []),
    post_processor: postProcessor(family.template!(config), beside, idOf),
    model: modelOf(model, pieces, unknown),
  })
}

/** Control pieces are special tokens; user-defined ones are found in the text before all else, too. */
function added(pieces: readonly Piece[], beside: Beside, idOf: (token: string) => number | undefined) {
  const specials = pieces.filter(({ type }) => type === pieceType.control || type === pieceType.unknown)
  const listed = addedTokens(
    beside,
    idOf,
    specials.map(({ piece }) => piece),
    true,
  )
  const known = new Set(listed.map(({ id }) => id))
  const own = pieces.flatMap(({ piece, type }, id) =>
    type === pieceType.userDefined && !known.has(id) ? [{ ...specialToken(id, piece), special: false }] : [],
  )
  return [...listed, ...own].sort((a, b) => a.id - b.id)
}

function postProcessor(
  [single, pair]: readonly [string, string],
  { config, specialTokens = {} }: Beside,
  idOf: (token: string) => number | undefined,
): Component | null {
  if (single.trim() === 'A') return null
  const named = (key: string, usual: string) => {
    const value = (config[key] ?? specialTokens[key] ?? usual) as string | { content: string }
    return typeof value === 'string' ? value : value.content
  }
  const written = (text: string) =>
    text.replaceAll('BOS', () => named('bos_token', '<s>')).replaceAll('EOS', () => named('eos_token', '</s>'))
  return templateProcessing(written(single), written(pair), idOf)
}

/** Normaliser, pre-tokeniser and decoder: how SentencePiece treats spaces, and its compiled normalisation. */
function stages(model: SentencePieceModel, before: readonly Component[]) {
  const { charsmap, removeExtraSpaces, addDummyPrefix, kind } = model
  const normalisers: Component[] = [...before]
  if (charsmap.length > 0)
    normalisers.push({ type: 'Precompiled', precompiled_charsmap: Buffer.from(charsmap).toString('base64') })
  if (removeExtraSpaces)
    normalisers.push({ type: 'Strip', strip_left: true, strip_right: true }, replace({ Regex: ' {2,}' }, ' '))
  // Without spaces at the start and in rows, words can be cut out first; else the text stays whole, as SentencePiece has it.
  const words = kind === 'unigram' && removeExtraSpaces && !model.pieces.some(({ piece }) => /[^▁]▁/.test(piece))
  const prepend_scheme = addDummyPrefix ? 'always' : 'never'
  if (!words) {
    if (addDummyPrefix) normalisers.push({ type: 'Prepend', prepend: space })
    normalisers.push(replace({ String: ' ' }, space))
  }
  return {
    normalizer: normalisers.length > 0 ? { type: 'Sequence', normalizers: normalisers } : null,
    pre_tokenizer: words ? { type: 'Metaspace', replacement: space, prepend_scheme, split: true } : null,
    decoder: sentencePieceDecoder(addDummyPrefix),
  }
}

/** Spaces back, bytes to characters, and the space away that was put before the text. */
export function sentencePieceDecoder(dummyPrefix: boolean): Component {
  const strip = { type: 'Strip', content: ' ', start: 1, stop: 0 }
  const steps = [replace({ String: space }, ' '), { type: 'ByteFallback' }, { type: 'Fuse' }]
  return { type: 'Sequence', decoders: dummyPrefix ? [...steps, strip] : steps }
}

function modelOf({ kind, byteFallback }: SentencePieceModel, pieces: readonly Piece[], unknown: number): ModelJson {
  if (kind === 'unigram')
    return {
      type: 'Unigram',
      unk_id: unknown,
      vocab: pieces.map(({ piece, score }) => [piece, score] as const),
      byte_fallback: byteFallback,
    }
  return scoredBpe(
    pieces.map(({ piece }) => piece),
    pieces.map(({ score }) => score),
    pieces[unknown]!.piece,
    byteFallback,
  )
}

/** SentencePiece's BPE: characters and byte fallback, merges by the pieces' scores. */
export function scoredBpe(pieces: string[], scores: ArrayLike<number>, unk_token: string, byte_fallback: boolean) {
  const vocab = Object.fromEntries(pieces.map((piece, id) => [piece, id]))
  return byteLevelModel(vocab, mergesOfScores(pieces, scores), { unk_token, byte_fallback, fuse_unk: true })
}
