import { encodeOnnx, GraphBuilder, greater, lower, quantiseDynamic } from '@volant/graph'
import { Context, openSession, type Session, type SessionOptions } from '@volant/nn'
import { Tokeniser } from '../tokenisers/tokeniser.js'
import { pool } from './pooling.js'
import { encoderNetwork, type PretrainedEncoder } from './pretrained.js'

export interface EmbedderOptions extends SessionOptions {
  /** Weights in 8-bit whole numbers: faster, nearly the same vectors. Default float32. */
  readonly quantise?: 'int8'
}

export interface Embedded {
  /** One for each text, in their order. */
  readonly vectors: Float32Array[]
  /** Tokens that were read, special ones included. */
  readonly tokens: number
}

/** Tokens of a batch, padding included: long texts go in smaller batches, so that memory does not depend on the texts. */
const batchTokens = 8192
const mostRows = 128

/** Turns texts into vectors with a pretrained encoder, pooled as its folder says. `release` it when done. */
export class TextEmbedder {
  private constructor(
    readonly width: number,
    readonly tokeniser: Tokeniser,
    readonly longest: number,
    private readonly session: Session,
  ) {}

  /** @param normalise vectors of length 1; default what the folder says */
  static async open(
    encoder: PretrainedEncoder,
    { quantise, normalise, ...session }: EmbedderOptions & { readonly normalise?: boolean } = {},
  ): Promise<TextEmbedder> {
    const { description } = encoder
    const network = encoderNetwork(description)
    const builder = new GraphBuilder('embedder')
    const ids = builder.input('ids', 'int64', ['batch', 'tokens'])
    const mask = greater(builder.input('weights', 'float32', ['batch', 'tokens']), 0)
    const states = network.apply(new Context(builder, network), ids, { mask })
    const { mode, normalise: usual } = description.pooling
    builder.output('vectors', pool(states, mask, { mode, normalise: normalise ?? usual }))
    const float = lower(builder.build(), { opset: 18, provider: 'cpu', mode: 'infer' }, await encoder.weights())
    const model = quantise ? quantiseDynamic(float).model : float
    const opened = await openSession(encodeOnnx(model), { worker: true, ...session })
    return new TextEmbedder(network.width, new Tokeniser(description.tokeniser), description.longest, opened)
  }

  /** Tokens of a text, as many as are read of it. */
  tokens(text: string): Int32Array {
    return this.tokeniser.encode(text, null, { maxTokens: this.longest }).ids
  }

  /** Vectors of texts, which may be empty. Throws the reason of `signal`. */
  async embed(texts: readonly string[], options: { readonly signal?: AbortSignal } = {}): Promise<Embedded> {
    const encoded = texts.map((text) => this.tokens(text))
    return {
      vectors: await this.embedTokens(encoded, options),
      tokens: encoded.reduce((sum, ids) => sum + ids.length, 0),
    }
  }

  /** Vectors of texts whose tokens are found already; those of like length are read together. */
  async embedTokens(
    encoded: readonly Int32Array[],
    { signal }: { readonly signal?: AbortSignal } = {},
  ): Promise<Float32Array[]> {
    const order = [...encoded.keys()].sort((a, b) => encoded[a]!.length - encoded[b]!.length || a - b)
    const vectors = new Array<Float32Array>(encoded.length)
    for (let from = 0; from < order.length; ) {
      signal?.throwIfAborted()
      const rows = order.slice(from, from + fitting(order, from, encoded))
      const found = await this.#run(rows.map((row) => encoded[row]!))
      rows.forEach((row, place) => {
        vectors[row] = found.slice(place * this.width, (place + 1) * this.width)
      })
      from += rows.length
    }
    return vectors
  }

  release(): Promise<void> {
    return this.session.release()
  }

  async #run(rows: readonly Int32Array[]): Promise<Float32Array> {
    const longest = Math.max(1, rows.at(-1)!.length)
    const dims = [rows.length, longest]
    const ids = new BigInt64Array(rows.length * longest)
    const weights = new Float32Array(ids.length)
    rows.forEach((row, place) => {
      row.forEach((id, at) => {
        ids[place * longest + at] = BigInt(id)
      })
      weights.fill(1, place * longest, place * longest + row.length)
    })
    const { vectors } = await this.session.run({
      ids: { dtype: 'int64', dims, data: ids },
      weights: { dtype: 'float32', dims, data: weights },
    })
    return vectors!.data as Float32Array
  }
}

/** How many texts from a place on fit into a batch; they are in order of length. */
function fitting(order: readonly number[], from: number, encoded: readonly Int32Array[]): number {
  let rows = 1
  while (
    rows < mostRows &&
    from + rows < order.length &&
    (rows + 1) * encoded[order[from + rows]!]!.length <= batchTokens
  )
    rows++
  return rows
}
