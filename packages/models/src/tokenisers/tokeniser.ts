import { ModelsError } from '../errors.js'
import { AddedTokens } from './added-tokens.js'
import { type ChatMessage, type ChatOptions, ChatTemplate, type Span, sharedLength, templateSources } from './chat.js'
import { decoder } from './decoders.js'
import type { Component, TokenizerJson } from './json.js'
import { subwordModel } from './models.js'
import { normaliser } from './normalisers.js'
import { preTokeniser } from './pre-tokenisers.js'
import { type Role, roleTokens } from './special.js'
import { DecodeStream } from './stream.js'
import { addedBy, fill, longestFirst, template } from './template.js'
import { WordCache } from './word-cache.js'

/** The files of a tokeniser, parsed. */
export interface TokeniserFiles {
  /** tokenizer.json, or what was made of older files. */
  readonly tokenizer: TokenizerJson
  /** tokenizer_config.json */
  readonly config?: Readonly<Record<string, unknown>>
  /** special_tokens_map.json */
  readonly specialTokens?: Readonly<Record<string, unknown>>
  /** chat_template.jinja; it goes before the template in `config`. */
  readonly chatTemplate?: string
}

export interface EncodeOptions {
  /** At most so many tokens, special ones included; the text is cut, for pairs the longer one first. */
  readonly maxTokens?: number
  /** Whether the special tokens of the template are added; true unless said otherwise. */
  readonly special?: boolean
}

/** Tokens of a text or a pair of texts. */
export interface Encoding {
  readonly ids: Int32Array
  /** The token type (segment) of each id, as the template gives it. */
  readonly types: Int32Array
}

/** Tokens of words that were divided before. */
export interface WordEncoding extends Encoding {
  /** The index of the word that each id belongs to, -1 for special tokens. */
  readonly words: Int32Array
}

/** A conversation as one text and its tokens. */
export interface ChatEncoding {
  readonly text: string
  readonly ids: Int32Array
}

/** Turns texts into ids and ids into texts, as the Python library `tokenizers` does with the same file. */
export class Tokeniser {
  readonly files: TokeniserFiles
  /** One more than the greatest id: how many rows an embedding needs. */
  readonly vocabularySize: number
  /** Ids by role, where the files name them. `cls` and `bos`, `sep` and `eos` stand for each other. */
  readonly special: Readonly<Partial<Record<Role, number>>>
  /** The longest input that the model was made for, where tokenizer_config.json says it. */
  readonly modelMaxLength: number | undefined
  /** By id, as the vocabulary writes them. */
  readonly tokens: readonly (string | undefined)[]

  private readonly ids: Map<string, number>
  private readonly specialIds: ReadonlySet<number>
  private readonly raw: AddedTokens
  private readonly normalised: AddedTokens
  private readonly normalise
  private readonly preTokenise
  private readonly model
  private readonly decodeTokens
  private readonly template
  private readonly chatTemplate: ChatTemplate
  private readonly cache = new WordCache()

  constructor(files: TokeniserFiles) {
    const json = files.tokenizer
    this.files = files
    this.model = partOf('model', () => subwordModel(json.model))
    this.normalise = partOf('normalizer', () => normaliser(json.normalizer))
    this.preTokenise = partOf('pre_tokenizer', () => preTokeniser(json.pre_tokenizer))
    this.template = partOf('post_processor', () => template(json.post_processor))
    this.decodeTokens = partOf('decoder', () => decoder(json.decoder))
    this.ids = new Map(this.model.idOf)
    for (const { content, id } of json.added_tokens) this.ids.set(content, id)
    const tokens: (string | undefined)[] = []
    for (const [token, id] of this.ids) tokens[id] = token
    this.tokens = tokens
    this.vocabularySize = this.tokens.length
    this.specialIds = new Set(json.added_tokens.filter((token) => token.special).map((token) => token.id))
    const late = json.added_tokens.filter((token) => token.normalized ?? !token.special)
    const early = json.added_tokens.filter((token) => !late.includes(token))
    this.raw = new AddedTokens(early, contentsOf(early))
    this.normalised = new AddedTokens(late, contentsOf(late).map(this.normalise))
    const named = [files.config, files.specialTokens].filter((config) => config !== undefined)
    const roles = roleTokens(json, named, (token) => this.ids.get(token))
    this.special = Object.fromEntries(Object.entries(roles).map(([role, token]) => [role, token.id]))
    this.chatTemplate = new ChatTemplate(
      templateSources(files.chatTemplate ?? files.config?.['chat_template']),
      Object.fromEntries(Object.entries(roles).map(([role, token]) => [`${role}_token`, token.content])),
    )
    const most = Number(files.config?.['model_max_length'])
    this.modelMaxLength = most > 0 && most < 1e9 ? most : undefined // "none" is written as 1e30
  }

  /** The tokens of a text, or of two that belong together. Lone surrogates become U+FFFD. */
  encode(text: string, pair?: string | null, options: EncodeOptions = {}): Encoding {
    const { ids, types } = this.assemble(this.idsOf(text), pair == null ? undefined : this.idsOf(pair), options)
    return { ids, types }
  }

  /** Ids with the special tokens that the template puts round a text. */
  around(ids: readonly number[]): Int32Array {
    return this.assemble(ids, undefined, {}).ids
  }

  encodeBatch(texts: readonly (string | readonly [string, string])[], options: EncodeOptions = {}): Encoding[] {
    return texts.map((text) =>
      typeof text === 'string' ? this.encode(text, null, options) : this.encode(text[0], text[1], options),
    )
  }

  /**
   * The tokens of a text that is already divided into words, with the word of each token. Where the tokeniser counts
   * the space before a word to the word (byte-level BPE), every word is taken as one that a space stands before.
   */
  encodeWords(words: readonly string[], options: EncodeOptions = {}): WordEncoding {
    const space = countsSpaces(this.files.tokenizer.pre_tokenizer) ? ' ' : ''
    const ids: number[] = []
    const wordOf: number[] = []
    words.forEach((word, i) => {
      for (const id of this.idsOf(space + word)) {
        ids.push(id)
        wordOf.push(i)
      }
    })
    const encoding = this.assemble(ids, undefined, options)
    return { ...encoding, words: encoding.places.map((place) => (place < 0 ? -1 : wordOf[place]!)) }
  }

  /** The text of ids. Special tokens are left out unless `skipSpecial` is false. Throws ModelsError for an unknown id. */
  decode(ids: Iterable<number>, { skipSpecial = true }: { readonly skipSpecial?: boolean } = {}): string {
    const tokens: string[] = []
    for (const id of ids) if (!(skipSpecial && this.specialIds.has(id))) tokens.push(this.tokenOf(id))
    return this.decodeTokens(tokens).join('')
  }

  /** Decodes tokens one by one as they are generated. */
  decodeStream({ skipSpecial = true }: { readonly skipSpecial?: boolean } = {}): DecodeStream {
    return new DecodeStream(
      (ids) => this.decode(ids, { skipSpecial: false }),
      (id) => !(skipSpecial && this.specialIds.has(id)),
    )
  }

  /** A conversation as the model's chat template writes it. The template itself puts special tokens where they belong. */
  chat(messages: readonly ChatMessage[], options: ChatOptions = {}): ChatEncoding {
    const text = this.chatTemplate.render(messages, options)
    return { text, ids: this.encode(text, null, { special: false }).ids }
  }

  /**
   * Which tokens of `chat(messages, options).ids` the assistant says, the token that ends an answer among them: one range
   * for each of its messages. A token that begins before an answer and reaches into it counts to the answer.
   */
  chatAnswers(messages: readonly ChatMessage[], options: ChatOptions = {}): Span[] {
    const { text, ids } = this.chat(messages, options)
    const tokensIn = (end: number) => sharedLength(this.encode(text.slice(0, end), null, { special: false }).ids, ids)
    return this.chatTemplate.answers(messages, options).map(([start, end]) => [tokensIn(start), tokensIn(end)])
  }

  idOf(token: string): number | undefined {
    return this.ids.get(token)
  }

  /** The token of an id, as the vocabulary writes it. Throws ModelsError where there is none. */
  tokenOf(id: number): string {
    const token = this.tokens[id]
    if (token === undefined)
      throw new ModelsError(
        'token-unknown',
        `The tokeniser has no token with id ${id}; its ids go from 0 to ${this.vocabularySize - 1}.`,
        { id, vocabularySize: this.vocabularySize },
      )
    return token
  }

  /** Throws ModelsError where an embedding of `rows` rows has no row for some id. */
  checkFits(rows: number): void {
    if (this.vocabularySize > rows)
      throw new ModelsError(
        'vocabulary-too-large',
        `The tokeniser has ids up to ${this.vocabularySize - 1}, but the model's embedding has ${rows} rows; take the tokeniser that belongs to the model, or enlarge the embedding.`,
        { vocabularySize: this.vocabularySize, rows },
      )
  }

  private idsOf(text: string): number[] {
    const ids: number[] = []
    for (const section of this.raw.split(text.toWellFormed())) {
      if ('id' in section) ids.push(section.id)
      else
        for (const part of this.normalised.split(this.normalise(section.text))) {
          if ('id' in part) ids.push(part.id)
          else this.pushWords(ids, this.preTokenise(part.text, section.start + part.start === 0))
        }
    }
    return ids
  }

  private pushWords(ids: number[], words: readonly string[]): void {
    for (const word of words) for (const id of this.cache.get(word, (w) => this.model.encode(w))) ids.push(id)
  }

  /** Puts the special tokens round one or two texts, which are cut to what there is room for. */
  private assemble(a: readonly number[], b: readonly number[] | undefined, options: EncodeOptions) {
    const { maxTokens = Number.POSITIVE_INFINITY, special = true } = options
    const places = b ? this.template.pair : this.template.single
    const room = maxTokens - (special ? addedBy(places) : 0)
    if (room < 0)
      throw new ModelsError(
        'max-tokens',
        `At most ${maxTokens} tokens were asked for, but the special tokens alone are ${maxTokens - room}; ask for more, or for none of them.`,
        { maxTokens, special: maxTokens - room },
      )
    const [keepA, keepB] = longestFirst(a.length, b?.length ?? 0, room)
    const left = this.files.config?.['truncation_side'] === 'left'
    const ids: number[] = []
    const types: number[] = []
    const origins: number[] = []
    fill(places, special, (type, fixed, text) => {
      const all = fixed ?? (text === 'A' ? a : b!)
      const keep = fixed ? all.length : text === 'A' ? keepA : keepB
      const start = left ? all.length - keep : 0
      for (let i = start; i < start + keep; i++) {
        ids.push(all[i]!)
        types.push(type)
        origins.push(fixed ? -1 : i)
      }
    })
    return { ids: Int32Array.from(ids), types: Int32Array.from(types), places: Int32Array.from(origins) }
  }
}

/** Makes what a part of tokenizer.json describes; one with settings that are missing or of another kind is refused by its name. */
function partOf<T>(part: string, make: () => T): T {
  try {
    return make()
  } catch (cause) {
    if (cause instanceof ModelsError) throw cause
    throw new ModelsError(
      'tokeniser-broken',
      `The tokeniser's "${part}" lacks settings that it needs, or has them in another form than tokenizer.json has; fetch the file again.`,
      { part },
      { cause },
    )
  }
}

const contentsOf = (tokens: readonly { readonly content: string }[]) => tokens.map((token) => token.content)

/** Whether the pre-tokeniser is byte-level and does not itself put a space before the first word. */
function countsSpaces(component: Component | null): boolean {
  if (component?.type === 'Sequence') return (component['pretokenizers'] as Component[]).some(countsSpaces)
  return component?.type === 'ByteLevel' && component['add_prefix_space'] === false
}
