import type { Tensor } from '@volant/graph'
import { NnError } from '../errors.js'
import type { GPT } from '../networks/gpt.js'
import { Random } from '../random.js'
import type { SessionOptions } from '../runtime/session.js'
import { checkSampling, type SamplingOptions, sampleToken } from './sampling.js'
import { type Compress, Steps } from './steps.js'

export interface GenerationOptions extends SamplingOptions {
  /** Most new tokens. */
  readonly length: number
  /** A sequence ends with one of these, which is not part of the result. */
  readonly stop?: readonly number[]
  /** Only the first so many tokens of the vocabulary are drawn, where a table has rows to spare; default all. */
  readonly tokens?: number
  /** Which tokens may come next in a sequence (1 for each that may), given its new tokens so far; at least one. */
  readonly mask?: (written: readonly number[], row: number) => Uint8Array
  /** The same seed, prompts and options give the same tokens. Default 0. */
  readonly seed?: number
  /** The place of the adapter that writes, where several are side by side (`bankAdapters`). Default 0. */
  readonly adapter?: number
  /** Keep keys and values of earlier tokens; default true. Without, each step reads the whole sequence again: for comparisons. */
  readonly cache?: boolean
}

/** Writes on from prompts with a trained language model. */
export class TextGenerator {
  private constructor(
    readonly model: GPT,
    readonly steps: Steps,
  ) {}

  /** `parameters` by path, as `train` gives them. */
  static async open(
    model: GPT,
    parameters: ReadonlyMap<string, Tensor>,
    { compress, ...options }: SessionOptions & { readonly compress?: Compress } = {},
  ): Promise<TextGenerator> {
    return new TextGenerator(model, await Steps.open(model.stepModel(), parameters, options, compress))
  }

  /** New tokens after each prompt (token ids, at least one). Throws NnError `bad-sampling`, `empty-prompt`. */
  async generate(prompts: readonly (readonly number[])[], options: GenerationOptions): Promise<number[][]> {
    const written: number[][] = prompts.map(() => [])
    for await (const tokens of this.#write(prompts, options))
      tokens.forEach((token, row) => {
        if (token !== undefined) written[row]!.push(token)
      })
    return written
  }

  /** The new tokens one by one, as they are found. */
  async *stream(prompt: readonly number[], options: GenerationOptions): AsyncGenerator<number> {
    for await (const [token] of this.#write([prompt], options)) if (token !== undefined) yield token
  }

  release(): Promise<void> {
    return this.steps.release()
  }

  /** One new token of each sequence a turn; undefined once a sequence has ended. */
  async *#write(
    prompts: readonly (readonly number[])[],
    options: GenerationOptions,
  ): AsyncGenerator<(number | undefined)[]> {
    checkSampling(options)
    const { length, stop = [], seed = 0, cache = true, adapter } = options
    const empty = prompts.findIndex((prompt) => prompt.length === 0)
    if (empty >= 0)
      throw new NnError('empty-prompt', `Generation: prompt ${empty} has no token; give at least one`, {
        prompt: empty,
      })
    const sequences = prompts.map((prompt) => [...prompt])
    const randoms = prompts.map((_, row) => new Random(seed, `generate/${row}`))
    const ended = prompts.map(() => false)
    const window = new Window(this.model.options.context, Math.max(...sequences.map((s) => s.length)))
    let read = 0 // tokens of the window that the cache holds
    for (let made = 0; made < length && !ended.every(Boolean); made++) {
      const again = window.advance(made) || !cache || read === 0
      const logits = again
        ? await this.steps.start(
            sequences.map((s) => s.slice(Math.max(0, s.length - window.length))),
            {},
            adapter,
          )
        : await this.steps.next(sequences.map((s) => s.at(-1)!))
      read = window.length
      const tokens = sequences.map((sequence, row) => {
        const scores = logits[row]!.subarray(0, options.tokens)
        const mask = ended[row] ? undefined : options.mask?.(sequence.slice(prompts[row]!.length), row)
        const token = sampleToken(mask ? masked(scores, mask) : scores, options, randoms[row]!, sequence)
        sequence.push(token)
        ended[row] ||= stop.includes(token)
        return ended[row] ? undefined : token
      })
      yield tokens
    }
  }
}

/** Scores of tokens that may not come become -∞. */
const masked = (scores: Float32Array, mask: Uint8Array) =>
  scores.map((score, token) => (mask[token] ? score : Number.NEGATIVE_INFINITY))

/** The tokens a step sees: all of them, and when they no longer fit, the last half of the context, growing again from there. */
class Window {
  #start = 0

  constructor(
    readonly context: number,
    readonly prompt: number,
  ) {
    if (prompt > context) this.#start = prompt - context
    this.length = prompt - this.#start
  }

  length: number

  /** Moves on to the state after `made` new tokens; true when earlier tokens were left behind. */
  advance(made: number): boolean {
    const all = this.prompt + made
    const full = all - this.#start > this.context
    if (full) this.#start = all - Math.ceil(this.context / 2)
    this.length = all - this.#start
    return full
  }
}
