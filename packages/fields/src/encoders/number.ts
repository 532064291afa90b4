import {
  add,
  cast,
  clip,
  concat,
  div,
  gather,
  isNaN as isMissing,
  matMul,
  maximum,
  minimum,
  mul,
  relu,
  sub,
  unsqueeze,
  type Value,
  where,
} from '@volant/graph'
import { type Context, type CsrMatrix, Linear } from '@volant/nn'
import { floatColumn } from './columns.js'
import { sideBySide } from './columns-graph.js'
import { type EncodedInput, type Encoder, FeatureLayer, type LayerSettings, type Streams } from './encoder.js'

export interface NumberState {
  /** Ascending bin edges, quantiles of the training values; at least two. */
  readonly edges: readonly number[]
  readonly mean: number
  readonly deviation: number
}

/**
 * A number as its place within quantile bins (piecewise-linear encoding: Gorishniy, Rubachev, Babenko, "On Embeddings for
 * Numerical Features in Tabular Deep Learning", 2022), its scaled value, and whether it is missing.
 */
export const piecewise: Encoder<number, NumberState> = {
  name: 'piecewise',

  fit(values, settings) {
    const sorted = Float64Array.from(values.filter((x): x is number => x !== null))
      .map(Math.fround)
      .sort()
    const mean = sorted.reduce((sum, x) => sum + x, 0) / Math.max(1, sorted.length)
    const variance = sorted.reduce((sum, x) => sum + (x - mean) ** 2, 0) / Math.max(1, sorted.length)
    const deviation = Math.sqrt(variance)
    return {
      edges: quantileEdges(sorted, Number(settings['bins'] ?? 32)),
      mean,
      deviation: deviation > 0 ? deviation : 1,
    }
  },

  streams: () => [{ suffix: '', dtype: 'float32', dims: [], meaning: 'the number as it is, NaN where missing' }],

  encode: (values) => floatColumn(Float32Array.from(values, (x) => x ?? Number.NaN)),

  wide: {
    width,
    rows: wideRows,
    scores: (streams, weight, state) => matMul(encoded(streams, state), weight),
    scoresTogether,
  },

  features: { layer: (state, settings) => new PiecewiseLayer(state, settings) },
}

function quantileEdges(sorted: Float64Array, bins: number): number[] {
  if (sorted.length === 0) return [0, 1]
  const edges = new Set<number>()
  for (let bin = 0; bin <= bins; bin++) edges.add(sorted[Math.round((bin / bins) * (sorted.length - 1))]!)
  const unique = [...edges].sort((a, b) => a - b)
  return unique.length > 1 ? unique : [unique[0]!, unique[0]! + 1]
}

/** One column a bin, the scaled value, and the flag of a missing one. */
function width(state: NumberState): number {
  return state.edges.length + 1
}

const farthest = 4

function wideRows(values: readonly (number | null)[], state: NumberState): CsrMatrix {
  const { edges, mean, deviation } = state
  const cols = width(state)
  const indptr = new Int32Array(values.length + 1)
  const indices: number[] = []
  const weights: number[] = []
  const push = (column: number, weight: number) => {
    if (weight === 0) return
    indices.push(column)
    weights.push(weight)
  }
  values.forEach((value, row) => {
    if (value === null) push(cols - 1, 1)
    else {
      const x = Math.fround(value)
      for (let bin = 0; bin + 1 < edges.length && x > edges[bin]!; bin++) {
        push(bin, Math.min(1, (x - edges[bin]!) / (edges[bin + 1]! - edges[bin]!)))
      }
      push(cols - 2, Math.max(-farthest, Math.min(farthest, (x - mean) / deviation)))
    }
    indptr[row + 1] = indices.length
  })
  return { rows: values.length, cols, indptr, indices: Int32Array.from(indices), values: Float32Array.from(weights) }
}

/** [batch, width]: the same numbers as graph ops. */
function encoded(streams: Streams, { edges, mean, deviation }: NumberState): Value {
  const x = unsqueeze(streams['']!, [1])
  const missing = isMissing(x)
  const present = where(missing, x.builder.constant(0), x)
  const lower = x.builder.constant(edges.slice(0, -1), { shape: [1, edges.length - 1] })
  const span = x.builder.constant(
    edges.slice(1).map((edge, bin) => edge - edges[bin]!),
    { shape: [1, edges.length - 1] },
  )
  const bins = clip(div(sub(present, lower), span), 0, 1)
  const scaled = clip(mul(sub(present, mean), 1 / deviation), -farthest, farthest)
  const flag = cast(missing, 'float32')
  const known = sub(1, flag)
  return concat([mul(bins, known), mul(scaled, known), flag], 1)
}

/** Every column but the flag of a missing number is clip((x - from) / span, least, most). */
function scoresTogether(inputs: readonly EncodedInput<NumberState>[], weight: Value): Value {
  const columns = { input: [] as number[], from: [] as number[], span: [] as number[], bound: [] as number[] }
  const rows = { known: [] as number[], flag: [] as number[] }
  let row = 0
  const column = (input: number, from: number, span: number, bound: number) => {
    columns.input.push(input)
    columns.from.push(from)
    columns.span.push(span)
    columns.bound.push(bound)
    rows.known.push(row++)
  }
  inputs.forEach(({ state: { edges, mean, deviation } }, input) => {
    for (let bin = 0; bin + 1 < edges.length; bin++) column(input, edges[bin]!, edges[bin + 1]! - edges[bin]!, 1)
    column(input, mean, deviation, farthest)
    rows.flag.push(row++)
  })
  const { builder } = weight
  const ids = (values: readonly number[]) => builder.constant(BigInt64Array.from(values, BigInt))
  const line = (values: readonly number[]) => builder.constant(values, { shape: [1, values.length] })
  const x = sideBySide(inputs.map(({ streams }) => streams['']!))
  const missing = isMissing(x)
  const flag = cast(missing, 'float32')
  const input = ids(columns.input)
  const present = gather(where(missing, builder.constant(0), x), input, 1)
  const placed = div(sub(present, line(columns.from)), line(columns.span))
  const least = line(columns.bound.map((bound) => (bound === farthest ? -farthest : 0)))
  const clipped = minimum(maximum(placed, least), line(columns.bound))
  const known = mul(clipped, gather(sub(1, flag), input, 1))
  return add(matMul(known, gather(weight, ids(rows.known), 0)), matMul(flag, gather(weight, ids(rows.flag), 0)))
}

/** The encoded number through a linear layer of its own and ReLU. */
class PiecewiseLayer extends FeatureLayer {
  readonly width: number
  readonly work: number
  readonly linear: Linear
  readonly #state: NumberState

  constructor(state: NumberState, { field = 16 }: LayerSettings) {
    super()
    this.#state = state
    this.width = Number(field)
    this.linear = new Linear(width(state), this.width)
    this.work = width(state) * this.width
  }

  protected forward(context: Context, streams: Streams): Value {
    return relu(this.linear.apply(context, encoded(streams, this.#state)))
  }
}
