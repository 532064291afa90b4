import { ModelsError } from '../errors.js'
import { isObject, type JsonObject } from '../files/json.js'

/** A part of a pipeline as tokenizer.json describes it: its type and its settings. */
export interface Component {
  readonly type: string
  readonly [setting: string]: unknown
}

/** A token that is found in the text before anything else happens to it. */
export interface AddedToken {
  readonly id: number
  readonly content: string
  readonly single_word?: boolean
  readonly lstrip?: boolean
  readonly rstrip?: boolean
  readonly normalized?: boolean
  readonly special?: boolean
}

export interface BpeJson {
  readonly type: 'BPE'
  readonly vocab: Readonly<Record<string, number>>
  /** Pairs, or strings with a space between the two parts (the older form). */
  readonly merges: readonly (string | readonly [string, string])[]
  readonly unk_token?: string | null
  readonly continuing_subword_prefix?: string | null
  readonly end_of_word_suffix?: string | null
  readonly fuse_unk?: boolean
  readonly byte_fallback?: boolean
  readonly ignore_merges?: boolean
  readonly dropout?: number | null
}

export interface WordPieceJson {
  readonly type: 'WordPiece'
  readonly vocab: Readonly<Record<string, number>>
  readonly unk_token: string
  readonly continuing_subword_prefix: string
  readonly max_input_chars_per_word: number
}

export interface UnigramJson {
  readonly type: 'Unigram'
  /** Each piece with the logarithm of its probability. */
  readonly vocab: readonly (readonly [string, number])[]
  readonly unk_id?: number | null
  readonly byte_fallback?: boolean
}

export type ModelJson = BpeJson | WordPieceJson | UnigramJson

/** The standard file tokenizer.json of the Hugging Face tokenizers library. */
export interface TokenizerJson {
  readonly version: string
  readonly truncation: unknown
  readonly padding: unknown
  readonly added_tokens: readonly AddedToken[]
  readonly normalizer: Component | null
  readonly pre_tokenizer: Component | null
  readonly post_processor: Component | null
  readonly decoder: Component | null
  readonly model: ModelJson
}

/** What makes a tokenizer.json of its parts; truncation and padding are left to those who encode. */
export function tokenizerJson(
  parts: Pick<TokenizerJson, 'model'> & Partial<Omit<TokenizerJson, 'version' | 'truncation' | 'padding'>>,
): TokenizerJson {
  const { added_tokens = [], normalizer = null, pre_tokenizer = null, post_processor = null, decoder = null } = parts
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens,
    normalizer,
    pre_tokenizer,
    post_processor,
    decoder,
    model: parts.model,
  }
}

/** An added token that is kept out of decoded text where that is asked for, and never normalised. */
export const specialToken = (id: number, content: string): AddedToken => ({
  id,
  content,
  single_word: false,
  lstrip: false,
  rstrip: false,
  normalized: false,
  special: true,
})

/** Checks what was parsed from a tokenizer.json: every part is there and of the right kind. `file` names it in errors. */
export function checkTokenizerJson(value: unknown, file: string): TokenizerJson {
  const json = object(value, file, 'the file')
  const model = object(json['model'], file, '"model"')
  const type = model['type'] ?? typeOf(model)
  if (type !== 'BPE' && type !== 'WordPiece' && type !== 'Unigram')
    throw broken(file, `"model.type" is ${JSON.stringify(type)}, expected "BPE", "WordPiece" or "Unigram"`)
  if (type === 'Unigram' ? !Array.isArray(model['vocab']) : !isObject(model['vocab']))
    throw broken(file, `"model.vocab" is missing or not ${type === 'Unigram' ? 'an array' : 'an object'}`)
  if (type === 'BPE' && !Array.isArray(model['merges'])) throw broken(file, '"model.merges" is missing or not an array')
  checkIds(model['vocab'], file)
  return tokenizerJson({
    added_tokens: addedTokens(json['added_tokens'] ?? [], file),
    normalizer: component(json, 'normalizer', file),
    pre_tokenizer: component(json, 'pre_tokenizer', file),
    post_processor: component(json, 'post_processor', file),
    decoder: component(json, 'decoder', file),
    model: { ...model, type } as ModelJson,
  })
}

/** An id is a row of a table, so it is a whole number of at least 0, and fits into 32 bits. */
export const isId = (value: unknown): value is number =>
  Number.isInteger(value) && (value as number) >= 0 && (value as number) < 2 ** 31

/** Of BPE and WordPiece; a piece of Unigram has its place as its id. */
function checkIds(vocab: unknown, file: string): void {
  if (Array.isArray(vocab)) {
    const place = vocab.findIndex((piece) => !(typeof piece?.[0] === 'string' && typeof piece[1] === 'number'))
    if (place >= 0)
      throw broken(file, `"model.vocab" has ${JSON.stringify(vocab[place])} at ${place}, expected a piece and a number`)
    return
  }
  for (const [token, id] of Object.entries(vocab as Record<string, unknown>))
    if (!isId(id)) throw broken(file, `the id of ${JSON.stringify(token)} is ${JSON.stringify(id)}`)
}

function addedTokens(value: unknown, file: string): AddedToken[] {
  if (!Array.isArray(value)) throw broken(file, '"added_tokens" is not an array')
  const wrong = value.find((token) => !(isObject(token) && typeof token['content'] === 'string' && isId(token['id'])))
  if (wrong !== undefined)
    throw broken(file, `"added_tokens" has ${JSON.stringify(wrong)}, expected "content" and "id"`)
  return value
}

/** Old files leave the model's type out. */
function typeOf(model: JsonObject): string | undefined {
  if (Array.isArray(model['vocab'])) return 'Unigram'
  if ('merges' in model) return 'BPE'
  return 'max_input_chars_per_word' in model ? 'WordPiece' : undefined
}

function component(json: JsonObject, key: string, file: string): Component | null {
  const value = json[key] ?? null
  if (value !== null && typeof object(value, file, `"${key}"`)['type'] !== 'string')
    throw broken(file, `"${key}" has no type`)
  return value as Component | null
}

function object(value: unknown, file: string, what: string): JsonObject {
  if (isObject(value)) return value
  throw broken(file, `${what} is ${value === undefined ? 'missing' : 'not an object'}`)
}

const broken = (file: string, found: string) =>
  new ModelsError('tokeniser-broken', `${file} is not a tokenizer.json: ${found}; fetch the file again.`, { file })
