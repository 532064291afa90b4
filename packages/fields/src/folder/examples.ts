import { maskContacts } from '@volant/data'
import type { Tensor } from '@volant/graph'
import type { Session } from '@volant/nn'
import { encodeRows } from '../predict/answer.js'
import { type Dataset, pick } from '../train/dataset.js'
import type { PlacedEncoder } from './assemble.js'
import type { Examples, PlainTensor, Signature } from './format.js'

const exampleRows = 8

/** E-mail addresses and phone numbers do not travel with a model; what is encoded are the masked rows. */
function masked(inputs: Dataset['inputs']): Record<string, unknown[]> {
  const mask = (value: unknown) => (typeof value === 'string' ? maskContacts(value) : value)
  return Object.fromEntries(Object.entries(inputs).map(([name, values]) => [name, values.map(mask)]))
}

/** Up to 8 rows with their encoded tensors and what the model file gives for them. */
export async function makeExamples(
  session: Session,
  encoders: readonly PlacedEncoder[],
  signature: Signature,
  data: Dataset,
): Promise<Examples> {
  const places = Array.from({ length: Math.min(exampleRows, data.rows) }, (_, row) => row)
  const inputs = masked(pick(data, places).inputs)
  const feeds = encodeRows(encoders, inputs)
  const results = await session.run(feeds)
  return {
    rows: places.map((row) =>
      Object.fromEntries(Object.entries(inputs).map(([name, values]) => [name, values[row] ?? null])),
    ),
    inputs: plain(
      feeds,
      signature.inputs.map(({ name }) => name),
    ),
    outputs: plain(
      results,
      signature.outputs.map(({ name }) => name),
    ),
  }
}

function plain(tensors: Readonly<Record<string, Tensor>>, names: readonly string[]): Record<string, PlainTensor> {
  return Object.fromEntries(
    names.map((name) => {
      const { dtype, dims, data } = tensors[name]!
      const numbers = Array.from(data as ArrayLike<number | bigint>, Number)
      return [
        name,
        {
          dtype: dtype as PlainTensor['dtype'],
          dims: [...dims],
          data: numbers.map((x) => (Number.isNaN(x) ? null : x)),
        },
      ]
    }),
  )
}
