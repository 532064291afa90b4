import { ModelsError } from '../../errors.js'
import { type Component, specialToken, type TokenizerJson, tokenizerJson } from '../json.js'
import type { TokeniserFiles } from '../tokeniser.js'
import { templateProcessing } from './added.js'
import { byteLevelModel, splitters } from './byte-level-bpe.js'
import { scoredBpe, sentencePieceDecoder } from './from-sentencepiece.js'
import { pieceType } from './sentencepiece.js'

/** The metadata of a GGUF file by key. */
export type GgufMetadata = Readonly<Record<string, unknown>> | ReadonlyMap<string, unknown>

/** The tokeniser in a GGUF file's metadata (byte-level BPE "gpt2" or SentencePiece's BPE "llama"), with its chat template. */
export function fromGguf(metadata: GgufMetadata): TokeniserFiles {
  const read = reader(metadata)
  const kind = read('model')
  const tokens = list<string>(read('tokens'), 'tokens')
  const types = Array.from((read('token_type') ?? []) as ArrayLike<number>, Number)
  const added_tokens = tokens.flatMap((content, id) => {
    const special = types[id] === pieceType.control || types[id] === pieceType.unknown
    return special || types[id] === pieceType.userDefined ? [{ ...specialToken(id, content), special }] : []
  })
  const ids = new Map(tokens.map((token, id) => [token, id]))
  const post = edges(read, tokens, (token) => ids.get(token))
  let tokenizer: TokenizerJson
  if (kind === 'gpt2') tokenizer = tokenizerJson({ added_tokens, ...byteLevelParts(read, tokens, post) })
  else if (kind === 'llama')
    tokenizer = tokenizerJson({ added_tokens, ...sentencePieceParts(read, tokens, types, post) })
  else
    throw new ModelsError(
      'tokeniser-part',
      `The GGUF file's tokeniser is of the kind ${JSON.stringify(kind)} (tokenizer.ggml.model), expected "gpt2" or "llama"; take a folder with tokenizer.json instead.`,
      { kind },
    )
  return { tokenizer, config: config(read, tokens) }
}

type Read = (key: string) => unknown

function reader(metadata: GgufMetadata): Read {
  const get = (key: string) =>
    metadata instanceof Map ? metadata.get(key) : (metadata as Record<string, unknown>)[key]
  return (key) => get(key === 'chat_template' ? 'tokenizer.chat_template' : `tokenizer.ggml.${key}`)
}

function byteLevelParts(read: Read, tokens: readonly string[], post: Component | null) {
  const name = String(read('pre') ?? 'default')
  const pre_tokenizer = splitters[name]
  if (!pre_tokenizer)
    throw new ModelsError(
      'tokeniser-part',
      `The GGUF file's tokeniser splits words as ${JSON.stringify(name)} (tokenizer.ggml.pre), which is not known; known are ${Object.keys(splitters).join(', ')}. Take a folder with tokenizer.json instead.`,
      { pre: name },
    )
  const byteLevel = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: false, use_regex: true }
  const vocab = Object.fromEntries(tokens.map((token, id) => [token, id]))
  return {
    normalizer: name.includes('qwen') ? { type: 'NFC' } : null,
    pre_tokenizer,
    post_processor: post ?? byteLevel,
    decoder: byteLevel,
    model: byteLevelModel(vocab, list<string>(read('merges'), 'merges'), { ignore_merges: name === 'llama-bpe' }),
  }
}

function sentencePieceParts(read: Read, tokens: string[], types: readonly number[], post: Component | null) {
  const prefix = read('add_space_prefix') !== false
  const unknown = tokens[Number(read('unknown_token_id') ?? types.indexOf(pieceType.unknown))]
  const scores = list<number>(read('scores'), 'scores')
  const normalizers: Component[] = [{ type: 'Replace', pattern: { String: ' ' }, content: '▁' }]
  if (prefix) normalizers.unshift({ type: 'Prepend', prepend: '▁' })
  if (unknown === undefined)
    throw new ModelsError(
      'tokeniser-no-unknown',
      "The GGUF file's tokeniser has no unknown token (tokenizer.ggml.unknown_token_id); take a folder with tokenizer.json instead.",
    )
  return {
    normalizer: { type: 'Sequence', normalizers },
    post_processor: post,
    decoder: sentencePieceDecoder(prefix),
    model: scoredBpe(tokens, scores, unknown, types.includes(pieceType.byte)),
  }
}

/** The first and last token that the file asks for round a text. */
function edges(read: Read, tokens: readonly string[], idOf: (token: string) => number | undefined): Component | null {
  const at = (flag: unknown, key: string) => (flag ? (tokens[Number(read(key))] ?? '') : '')
  const first = at(read('add_bos_token') ?? read('model') === 'llama', 'bos_token_id')
  const last = at(read('add_eos_token'), 'eos_token_id')
  if (!first && !last) return null
  const again = [first && `${first}:1`, 'B:1', last && `${last}:1`].join(' ')
  return templateProcessing(`${first} A ${last}`, `${first} A ${last} ${again}`, idOf)
}

function config(read: Read, tokens: readonly string[]): Record<string, unknown> {
  const roles = { bos: 'bos', eos: 'eos', unk: 'unknown', pad: 'padding', sep: 'seperator', cls: 'cls', mask: 'mask' }
  const named = Object.entries(roles).map(([role, key]) => [`${role}_token`, tokens[Number(read(`${key}_token_id`))]])
  const template = read('chat_template')
  return { ...Object.fromEntries(named), ...(typeof template === 'string' ? { chat_template: template } : {}) }
}

function list<T>(value: unknown, key: string): T[] {
  if (Array.isArray(value)) return value as T[]
  if (ArrayBuffer.isView(value)) return Array.from(value as unknown as ArrayLike<T>)
  throw new ModelsError(
    'tokeniser-broken',
    `The GGUF file has no list tokenizer.ggml.${key}, which its tokeniser needs; take a file with a tokeniser, or a folder with tokenizer.json.`,
    { key },
  )
}
