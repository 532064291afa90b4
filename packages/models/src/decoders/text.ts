import { quantiseDynamic, quantiseWeightsTo4Bit, type Tensor } from '@volant/graph'
import { bankAdapters, type GPT, type SamplingOptions, type SessionOptions, TextGenerator } from '@volant/nn'
import { isDora } from '../adapters/config.js'
import type { JsonSchema } from '../constraints/json-schema.js'
import { JsonText } from '../constraints/json-text.js'
import { Vocabulary } from '../constraints/vocabulary.js'
import { ModelsError } from '../errors.js'
import type { ChatMessage } from '../tokenisers/chat.js'
import { Tokeniser } from '../tokenisers/tokeniser.js'
import { readDecoderAdapter } from './adapter.js'
import { decoderNetwork, fourBitNetwork, type PretrainedDecoder } from './pretrained.js'

export interface WriterOptions extends SessionOptions {
  /** Weights in 4-bit or 8-bit whole numbers; default float32. */
  readonly quantise?: '4bit' | 'int8'
  /** Folders of PEFT adapters that were trained on this decoder, side by side on its weights; each text names the one that writes it. */
  readonly adapters?: readonly string[]
  /** Is told of one of `adapters` that cannot be read; the decoder then writes without. Default: it is thrown. */
  readonly onUnread?: (folder: string, error: Error) => void
}

export interface TextOptions extends SamplingOptions {
  /** Most new tokens; default 256, never more than the positions that are left. */
  readonly maxTokens?: number
  /** Texts at which writing ends; they are not part of the result. */
  readonly stop?: readonly string[]
  /** Hold the text to a JSON schema: it always parses and is valid. See `schemaRule` for the keywords that are known. */
  readonly schema?: JsonSchema
  /** Which of the writer's `adapters` writes, counted from 1; default 0, the decoder without one. */
  readonly adapter?: number
  /** The same seed, prompt and options give the same text. Default 0. */
  readonly seed?: number
  readonly signal?: AbortSignal
}

/** A text as it is written: its pieces, each found when it is asked for, and figures that grow with them. */
export interface Writing extends AsyncIterable<string> {
  readonly promptTokens: number
  /** New tokens so far. */
  readonly tokens: number
  /** Set at the end: `stop` where the text ended by itself or at a stop word, `length` where there was no more room. */
  readonly ended: 'stop' | 'length' | undefined
}

const passes = { '4bit': quantiseWeightsTo4Bit, int8: quantiseDynamic }

/** Writes texts with a pretrained decoder. One text at a time; `release` it when done. */
export class TextWriter {
  #bytes: Vocabulary | undefined

  private constructor(
    readonly network: GPT,
    readonly tokeniser: Tokeniser,
    readonly ends: readonly number[],
    readonly generator: TextGenerator,
  ) {}

  /** Throws ModelsError, among others `other-base` for an adapter of another decoder. */
  static async open(decoder: PretrainedDecoder, options: WriterOptions = {}): Promise<TextWriter> {
    const { quantise, adapters = [], onUnread, ...session } = options
    // DoRA is put on float32 weights, of which it needs the sizes; all is made small then.
    const isMadeSmall = quantise === '4bit' && !(await Promise.all(adapters.map(isDora))).includes(true)
    const make = () => (isMadeSmall ? fourBitNetwork : decoderNetwork)(decoder.description)
    const network = make()
    const base = await decoder.weights(network)
    const weights = await sideBySide(decoder, { network, make }, base, { adapters, onUnread })
    const generator = await TextGenerator.open(network, weights, {
      ...session,
      compress: quantise && !isMadeSmall ? (model) => passes[quantise](model).model : undefined,
    })
    const { tokeniser, ends } = decoder.description
    return new TextWriter(network, new Tokeniser(tokeniser), ends, generator)
  }

  /**
   * The text after a prompt, in pieces as it is found; a piece never ends within a character. A conversation is written down by the
   * model's chat template. Throws ModelsError `text-too-long`, `bad-schema`, `schema-too-long`, the reason of `signal` when it is aborted.
   */
  write(prompt: string | readonly ChatMessage[], options: TextOptions = {}): Writing {
    const writing: Writing = {
      promptTokens: 0,
      tokens: 0,
      ended: undefined,
      [Symbol.asyncIterator]: () => this.#write(prompt, options, writing),
    }
    return writing
  }

  async *#write(
    prompt: string | readonly ChatMessage[],
    { maxTokens = 256, stop = [], schema, signal, ...sampling }: TextOptions,
    writing: { -readonly [K in keyof Writing]: Writing[K] },
  ): AsyncGenerator<string> {
    if (schema && stop.length > 0)
      throw new ModelsError('bad-options', 'A text held to a JSON schema takes no stop words: they would cut it short.')
    const ids = this.#tokens(prompt)
    writing.promptTokens = ids.length
    const length = Math.min(maxTokens, this.network.options.context - ids.length)
    const json = schema && new JsonText(schema, this.#vocabulary(), { ends: this.ends, length })
    const text = this.tokeniser.decodeStream()
    const ending = new Ending(stop.filter((word) => word !== ''))
    signal?.throwIfAborted()
    for await (const id of this.generator.stream(ids, {
      ...sampling,
      length,
      stop: this.ends,
      tokens: this.tokeniser.vocabularySize,
      mask: json && (() => json.mask()),
    })) {
      signal?.throwIfAborted()
      writing.tokens++
      json?.take(id)
      const piece = ending.push(text.push(id))
      if (piece) yield piece
      if (ending.isOver || json?.isOver) break
    }
    const rest = ending.isOver ? '' : ending.push(text.end()) + ending.end()
    if (rest) yield rest
    writing.ended = ending.isOver || json?.isOver || writing.tokens < length ? 'stop' : 'length'
  }

  release(): Promise<void> {
    return this.generator.release()
  }

  #vocabulary(): Vocabulary {
    this.#bytes ??= new Vocabulary(this.tokeniser)
    return this.#bytes
  }

  #tokens(prompt: string | readonly ChatMessage[]): number[] {
    const { context } = this.network.options
    const encoded =
      typeof prompt === 'string'
        ? this.tokeniser.encode(prompt)
        : this.tokeniser.chat(prompt, { addGenerationPrompt: true })
    if (encoded.ids.length < context) return Array.from(encoded.ids)
    throw new ModelsError(
      'text-too-long',
      `The prompt has ${encoded.ids.length} tokens, but the model has ${context} positions and needs one for an answer; shorten the prompt.`,
      { tokens: encoded.ids.length, positions: context },
    )
  }
}

/** Puts adapters on one network, the first place for the decoder without one; the weights of all. */
async function sideBySide(
  decoder: PretrainedDecoder,
  { network, make }: { readonly network: GPT; readonly make: () => GPT },
  weights: ReadonlyMap<string, Tensor>,
  { adapters = [], onUnread }: Pick<WriterOptions, 'adapters' | 'onUnread'>,
): Promise<ReadonlyMap<string, Tensor>> {
  if (adapters.length === 0) return weights
  const plain = { model: make(), weights }
  const read = async (folder: string) => {
    const model = make()
    try {
      return { model, weights: await readDecoderAdapter(folder, decoder, model, weights) }
    } catch (error) {
      if (!onUnread) throw error
      onUnread(folder, error as Error)
      return plain
    }
  }
  const all = [plain]
  for (const folder of adapters) all.push(await read(folder))
  return bankAdapters(network, weights, all)
}

/** Lets text through up to the first stop word, and holds back an end that may be the beginning of one. */
class Ending {
  #held = ''
  isOver = false

  constructor(readonly words: readonly string[]) {}

  push(text: string): string {
    if (this.isOver) return ''
    this.#held += text
    const places = this.words.map((word) => this.#held.indexOf(word)).filter((place) => place >= 0)
    this.isOver = places.length > 0
    const safe = this.isOver ? Math.min(...places) : this.#held.length - this.#begun()
    const piece = this.#held.slice(0, safe)
    this.#held = this.#held.slice(safe)
    return piece
  }

  /** What was held back though no stop word came. */
  end(): string {
    return this.isOver ? '' : this.#held
  }

  /** Characters at the end that may be the beginning of a stop word. */
  #begun(): number {
    const begins = (word: string) => {
      let length = Math.min(word.length - 1, this.#held.length)
      while (length > 0 && !this.#held.endsWith(word.slice(0, length))) length--
      return Math.max(0, length)
    }
    return Math.max(0, ...this.words.map(begins))
  }
}
