import { greater, type Value } from '@volant/graph'
import { type EncoderDescription, type EncoderNetwork, encoderNetwork, pool, Tokeniser } from '@volant/models'
import type { Context } from '@volant/nn'
import { type EncodedColumn, type Encoder, FeatureLayer, type Stream, type Streams } from '../encoder.js'

/** A pretrained encoder, fine-tuned with the rest; its tokens' vectors are pooled as its folder says. */
export const pretrained: Encoder<string, EncoderDescription> = {
  name: 'pretrained',
  fit: (_, __, base) => base!,
  streams: (): readonly Stream[] => [
    { suffix: '.ids', dtype: 'int64', dims: ['tokens'], meaning: 'ids of the tokens; 0 where padded' },
    { suffix: '.weights', dtype: 'float32', dims: ['tokens'], meaning: '1 for a token, 0 where padded' },
  ],
  encode,
  features: { layer: (state) => new PretrainedLayer(state), pretrained: 'network' },
}

const tokenisers = new WeakMap<EncoderDescription, Tokeniser>()

function tokeniserOf(state: EncoderDescription): Tokeniser {
  const known = tokenisers.get(state) ?? new Tokeniser(state.tokeniser)
  tokenisers.set(state, known)
  return known
}

function encode(values: readonly (string | null)[], state: EncoderDescription): EncodedColumn {
  const tokeniser = tokeniserOf(state)
  const rows = values.map((text) => tokeniser.encode(text ?? '', null, { maxTokens: state.longest }).ids)
  return {
    rows: rows.length,
    length: (row) => rows[row]!.length,
    tensors(some = Int32Array.from(rows, (_, row) => row)) {
      const longest = some.reduce((most, row) => Math.max(most, rows[row]!.length), 1)
      const dims = [some.length, longest]
      const ids = new BigInt64Array(some.length * longest)
      const weights = new Float32Array(ids.length)
      some.forEach((row, place) => {
        rows[row]!.forEach((id, at) => {
          ids[place * longest + at] = BigInt(id)
        })
        weights.fill(1, place * longest, place * longest + rows[row]!.length)
      })
      return { '.ids': { dtype: 'int64', dims, data: ids }, '.weights': { dtype: 'float32', dims, data: weights } }
    },
  }
}

export class PretrainedLayer extends FeatureLayer {
  readonly network: EncoderNetwork
  readonly #description: EncoderDescription

  constructor(description: EncoderDescription) {
    super()
    this.network = encoderNetwork(description)
    this.#description = description
  }

  get width(): number {
    return this.network.width
  }

  get work(): number {
    return this.network.work
  }

  protected forward(context: Context, streams: Streams): Value {
    const mask = greater(streams['.weights']!, 0)
    const states = this.network.apply(context, streams['.ids']!, { mask })
    return pool(states, mask, { ...this.#description.pooling, normalise: false })
  }
}
