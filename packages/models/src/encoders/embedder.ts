import { GraphBuilder, lower, quantiseDynamic } from '@volant/graph'
import { Context, openLowered, type Session, type SessionOptions } from '@volant/nn'
import { Tokeniser } from '../tokenisers/tokeniser.js'
import { padded } from './batch.js'
import { pool } from './pooling.js'
import { type EncoderDescription, encoderNetwork, type PretrainedEncoder } from './pretrained.js'

export interface EmbedderOptions extends SessionOptions {
  /** Weights in 8-bit whole numbers; default float32. */
  readonly quantise?: 'int8'
}

export interface EmbedOptions {
  /** Vectors of length 1; default what the model's folder says. */
  readonly normalise?: boolean
  readonly signal?: AbortSignal
  /** Told after each batch. */
  readonly onProgress?: (done: number, all: number) => void
}

export interface Embeddings {
  /** [width] for each text, in their order. */
  readonly vectors: Float32Array[]
  /** Tokens that were read, special ones included. */
  readonly tokens: number
}

/** Places of a batch, padding included: larger ones are no faster, and take memory. */
const placesAtOnce = 2048

/** Turns texts into vectors with a pretrained encoder. `release` it when done. */
export class TextEmbedder {
  readonly tokeniser: Tokeniser

  private constructor(
    readonly description: EncoderDescription,
    /** Length of a vector. */
    readonly width: number,
    readonly session: Session,
  ) {
    this.tokeniser = new Tokeniser(description.tokeniser)
  }

  /**
   * Loads the weights; a run takes place in a thread of its own unless `worker` is false.
   *
   * @throws ModelsError what the weights' file is refused for; NnError `out-of-memory`
   */
  static async open(encoder: PretrainedEncoder, { quantise, ...session }: EmbedderOptions = {}): Promise<TextEmbedder> {
    const { description } = encoder
    const network = encoderNetwork(description)
    const builder = new GraphBuilder('sentences')
    const ids = builder.input('ids', 'int64', ['B', 'T'])
    const mask = builder.input('mask', 'bool', ['B', 'T'])
    const states = network.apply(new Context(builder, network), ids, { mask })
    builder.output('vectors', pool(states, mask, { ...description.pooling, normalise: false }))
    const model = lower(builder.build(), { opset: 18, provider: 'cpu', mode: 'infer' }, await encoder.weights())
    const opened = await openLowered(quantise ? quantiseDynamic(model).model : model, { worker: true, ...session })
    return new TextEmbedder(description, network.width, opened)
  }

  /**
   * The vectors of any number of texts; those of like length go together. A text longer than the model reads is cut.
   * Rejects with the reason of `signal` when it is aborted.
   */
  async embed(texts: readonly string[], options: EmbedOptions = {}): Promise<Embeddings> {
    const rows = texts.map((text) => this.#ids(text))
    const vectors = await this.embedTokens(rows, options)
    return { vectors, tokens: rows.reduce((sum, { length }) => sum + length, 0) }
  }

  /** As `embed`, of texts whose tokens are found already. */
  async embedTokens(rows: readonly Int32Array[], options: EmbedOptions = {}): Promise<Float32Array[]> {
    const { normalise = this.description.pooling.normalise, signal, onProgress } = options
    const vectors = new Array<Float32Array>(rows.length)
    let done = 0
    for (const batch of batches(rows)) {
      signal?.throwIfAborted()
      const found = await this.#run(batch.map((row) => rows[row]!))
      batch.forEach((row, place) => {
        const vector = found.slice(place * this.width, (place + 1) * this.width)
        vectors[row] = normalise ? unit(vector) : vector
      })
      done += batch.length
      onProgress?.(done, rows.length)
    }
    return vectors
  }

  /** Tokens of a text that are read, special ones included. */
  countTokens(text: string): number {
    return this.#ids(text).length
  }

  release(): Promise<void> {
    return this.session.release()
  }

  #ids(text: string): Int32Array {
    return this.tokeniser.encode(text, null, { maxTokens: this.description.longest }).ids
  }

  /** @returns [rows, width] */
  async #run(rows: readonly Int32Array[]): Promise<Float32Array> {
    const results = await this.session.run(padded(rows))
    return results['vectors']!.data as Float32Array
  }
}

/** Rows in batches of like length, the longest first, so that what does not fit shows at once. */
function* batches(rows: readonly Int32Array[]): Generator<number[]> {
  const order = rows.map((_, row) => row).sort((a, b) => rows[b]!.length - rows[a]!.length || a - b)
  for (let from = 0; from < order.length; ) {
    const longest = Math.max(1, rows[order[from]!]!.length)
    const count = Math.max(1, Math.floor(placesAtOnce / longest))
    yield order.slice(from, from + count)
    from += count
  }
}

/** Scaled to length 1; a vector of zeros stays one. */
function unit(vector: Float32Array): Float32Array {
  const length = Math.sqrt(vector.reduce((sum, x) => sum + x * x, 0))
  return length > 0 ? vector.map((x) => x / length) : vector
}
