import type { Tensor } from '@volant/graph'
import type { Config } from '../architectures/config.js'
import { ModelsError } from '../errors.js'
import { ggufFormats } from './gguf-formats.js'
import type { StoredTensor, Weights } from './weights.js'

/** What follows the name of a matrix for the name of its rows' scales, as the format compressed-tensors has it. */
const scaleSuffix = '_scale'
/** The largest whole number that is stored, so that -x can be too. */
const largest = 127

/**
 * A float32 matrix [rows, columns] as 8-bit whole numbers and one scale a row [rows, 1]: values are the nearest multiples of
 * the scale, which is the row's largest magnitude / 127. An error is at most half a scale.
 */
export function quantiseRows({ dims, data }: Tensor): { values: Tensor; scales: Tensor } {
  const [rows, columns] = dims as [number, number]
  const values = new Int8Array(data.length)
  const scales = new Float32Array(rows)
  for (let row = 0; row < rows; row++) {
    const from = (data as Float32Array).subarray(row * columns, (row + 1) * columns)
    const scale = from.reduce((most, value) => Math.max(most, Math.abs(value)), 0) / largest
    scales[row] = scale
    if (scale > 0) for (let at = 0; at < columns; at++) values[row * columns + at] = Math.round(from[at]! / scale)
  }
  return {
    values: { dtype: 'int8', dims, data: values },
    scales: { dtype: 'float32', dims: [rows, 1], data: scales },
  }
}

/** The matrices of a file as `quantiseRows` makes them, each under its name with its scales beside it; vectors stay as they are. */
export function quantisedTensors(tensors: ReadonlyMap<string, Tensor>): Map<string, Tensor> {
  return new Map(
    [...tensors].flatMap(([name, tensor]): [string, Tensor][] => {
      if (tensor.dtype !== 'float32' || tensor.dims.length !== 2) return [[name, tensor]]
      const { values, scales } = quantiseRows(tensor)
      return [
        [name, values],
        [name + scaleSuffix, scales],
      ]
    }),
  )
}

/** What `config.json` says of such weights, in the words of compressed-tensors. */
export const rowScalesConfig = {
  quant_method: 'compressed-tensors',
  format: 'int-quantized',
  config_groups: {
    group_0: {
      targets: ['Linear', 'Embedding'],
      weights: { num_bits: 8, type: 'int', symmetric: true, strategy: 'channel' },
    },
  },
}

/** Refuses weights that are quantised in another way, by what config.json says. Throws ModelsError `unsupported-quantisation`. */
export function refuseQuantised(config: Config): void {
  const { quant_method: method, format } = config.section('quantization_config').values
  const { quant_method, format: own } = rowScalesConfig
  if (method === undefined || (method === quant_method && format === own)) return
  const found = [method, format].filter((one) => one !== undefined).join(', ')
  throw new ModelsError(
    'unsupported-quantisation',
    `${config.source}: the weights are quantised (${found}) in a way that is not read; take the model's float weights, a GGUF file in one of ${[...ggufFormats.keys()].join(', ')}, or 8-bit weights of ${quant_method} in the format ${own}.`,
    { method, format },
  )
}

/** Shows matrices of 8-bit whole numbers that have scales beside them as float32, and the scales no more. */
export function withRowScales(weights: Weights): Weights {
  const quantised = [...weights.tensors].filter(
    ([name, { format }]) => format === 'I8' && weights.tensors.has(name + scaleSuffix),
  )
  if (quantised.length === 0) return weights
  const tensors = new Map<string, StoredTensor>(weights.tensors)
  for (const [name, { shape }] of quantised) {
    tensors.set(name, { shape, format: 'INT8' })
    tensors.delete(name + scaleSuffix)
  }
  const isQuantised = new Set(quantised.map(([name]) => name))
  return {
    tensors,
    async read(name) {
      const tensor = await weights.read(name)
      return isQuantised.has(name) ? scaled(name, tensor, await weights.read(name + scaleSuffix)) : tensor
    },
    close: () => weights.close(),
  }
}

function scaled(name: string, { dims, data }: Tensor, scales: Tensor): Tensor {
  const rows = dims[0] ?? 0
  if (dims.length !== 2 || scales.dtype !== 'float32' || scales.data.length !== rows)
    throw new ModelsError(
      'weights-invalid',
      `The 8-bit tensor "${name}" [${dims}] has ${scales.data.length} scales of ${scales.dtype}, expected a matrix and one float32 a row.`,
      { name, dims, scales: scales.dims },
    )
  const columns = dims[1]!
  const values = new Float32Array(data.length)
  for (let row = 0, at = 0; row < rows; row++) {
    const scale = scales.data[row] as number
    for (const end = at + columns; at < end; at++) values[at] = (data[at] as number) * scale
  }
  return { dtype: 'float32', dims, data: values }
}
