import { add, gather, reduceSum, type Value } from '@volant/graph'
import { type Context, type CsrMatrix, Embedding, normal } from '@volant/nn'
import { idColumn } from './columns.js'
import { asRows } from './columns-graph.js'
import { type EncodedInput, type Encoder, FeatureLayer, type Streams } from './encoder.js'

export interface CategoryState {
  /** Values by id, from 1 on; id 0 is an unknown or missing value. */
  readonly values: readonly string[]
}

/** A category as the id of its value: one weight an id for the linear model, an embedding for a network. */
export const lookup: Encoder<string, CategoryState> = {
  name: 'lookup',

  fit(values, settings) {
    const counts = new Map<string, number>()
    for (const value of values) if (value !== null) counts.set(value, (counts.get(value) ?? 0) + 1)
    const minCount = Number(settings['minCount'] ?? 1)
    const kept = [...counts].filter(([, count]) => count >= minCount)
    kept.sort(([a, n], [b, m]) => m - n || (a < b ? -1 : 1))
    return { values: kept.slice(0, Number(settings['maxValues'] ?? 10_000)).map(([value]) => value) }
  },

  streams: () => [{ suffix: '', dtype: 'int64', dims: [], meaning: 'id of the value, 0 = unknown or missing' }],

  encode: (values, state) => idColumn(Int32Array.from(ids(values, state))),

  wide: {
    width,
    rows: (values, state): CsrMatrix => ({
      rows: values.length,
      cols: width(state),
      indptr: Int32Array.from({ length: values.length + 1 }, (_, row) => row),
      indices: Int32Array.from(ids(values, state)),
      values: new Float32Array(values.length).fill(1),
    }),
    scores: (streams, weight) => gather(weight, streams['']!, 0),
    scoresTogether,
  },

  features: { layer: (state) => new LookupLayer(width(state), embeddingWidth(state)) },
}

function width(state: CategoryState): number {
  return state.values.length + 1
}

function embeddingWidth(state: CategoryState): number {
  return Math.max(2, Math.min(32, Math.round(1.6 * width(state) ** 0.56)))
}

function scoresTogether(inputs: readonly EncodedInput<CategoryState>[], weight: Value): Value {
  let first = 0
  const starts = inputs.map(({ state }) => {
    const start = first
    first += width(state)
    return BigInt(start)
  })
  const start = weight.builder.constant(BigInt64Array.from(starts), { shape: [inputs.length, 1] })
  return reduceSum(gather(weight, add(asRows(inputs.map(({ streams }) => streams['']!)), start), 0), 0)
}

const idsOf = new WeakMap<CategoryState, Map<string, number>>()

function ids(values: readonly (string | null)[], state: CategoryState): number[] {
  let known = idsOf.get(state)
  if (!known) {
    known = new Map(state.values.map((value, place) => [value, place + 1]))
    idsOf.set(state, known)
  }
  return values.map((value) => (value === null ? 0 : (known.get(value) ?? 0)))
}

/** Fetching, deduplicating and updating a number of a row, in multiply-adds of a matrix product. */
const lookupWork = 100

/** An embedding of the value, learnt with the network. */
class LookupLayer extends FeatureLayer {
  readonly embedding: Embedding
  readonly work: number

  constructor(
    values: number,
    readonly width: number,
  ) {
    super()
    this.work = lookupWork * width
    this.embedding = new Embedding(values, width, { initialiser: normal(1 / Math.sqrt(width)) })
  }

  protected forward(context: Context, streams: Streams): Value {
    return this.embedding.apply(context, streams['']!)
  }
}
