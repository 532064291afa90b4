import {
  cast,
  concat,
  isNaN as isMissing,
  matMul,
  mul,
  reshape,
  sub,
  transpose,
  unsqueeze,
  type Value,
  where,
} from '@volant/graph'
import type { Context, CsrMatrix } from '@volant/nn'
import { floatColumn } from './columns.js'
import { sideBySide } from './columns-graph.js'
import { type EncodedInput, type Encoder, FeatureLayer, type Streams } from './encoder.js'

/** Nothing is learnt: a boolean is true, false or missing. */
export type BooleanState = Record<string, never>

const columns = 3

/** A boolean as three columns: true, false, missing. */
export const flags: Encoder<boolean, BooleanState> = {
  name: 'flags',
  fit: () => ({}),
  streams: () => [{ suffix: '', dtype: 'float32', dims: [], meaning: '1 true, 0 false, NaN missing' }],

  encode: (values) => floatColumn(Float32Array.from(values, (x) => (x === null ? Number.NaN : Number(x)))),

  wide: {
    width: () => columns,
    rows: (values): CsrMatrix => ({
      rows: values.length,
      cols: columns,
      indptr: Int32Array.from({ length: values.length + 1 }, (_, row) => row),
      indices: Int32Array.from(values, (x) => (x === null ? 2 : x ? 0 : 1)),
      values: new Float32Array(values.length).fill(1),
    }),
    scores: (streams, weight) => matMul(encoded(streams), weight),
    scoresTogether,
  },

  features: { layer: () => new FlagsLayer() },
}

/** [batch, 3]. */
function encoded(streams: Streams): Value {
  return threeOf(unsqueeze(streams['']!, [1]))
}

function scoresTogether(inputs: readonly EncodedInput<BooleanState>[], weight: Value): Value {
  const flat = threeOf(sideBySide(inputs.map(({ streams }) => streams['']!)))
  // The columns come as all trues, all falses, all missing; the rows of the weight input by input.
  const outputs = weight.shape[1]!
  const byKind = transpose(reshape(weight, [inputs.length, columns, outputs]), [1, 0, 2])
  return matMul(flat, reshape(byKind, [inputs.length * columns, outputs]))
}

/** [batch, inputs] -> [batch, 3 * inputs]. */
function threeOf(x: Value): Value {
  const missing = isMissing(x)
  const present = where(missing, x.builder.constant(0), x)
  const flag = cast(missing, 'float32')
  const known = sub(1, flag)
  return concat([mul(present, known), mul(sub(1, present), known), flag], 1)
}

/** No parameters: the three columns themselves. */
class FlagsLayer extends FeatureLayer {
  readonly width = columns
  readonly work = columns

  protected forward(_context: Context, streams: Streams): Value {
    return encoded(streams)
  }
}
