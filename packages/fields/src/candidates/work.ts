import type { EncodedColumn, FeatureLayer } from '../encoders/encoder.js'
import { type Dataset, pick } from '../train/dataset.js'
import type { FittedEncoder } from './candidate.js'
import type { Network } from './layers.js'

/** Multiply-adds a second of a middling machine with 2 cores; it turns counted work into seconds, everywhere the same. */
const nominalSpeed = 2e10
/** The same of a forward pass alone, which keeps nothing for later. */
const nominalForwardSpeed = 4e10
/** Forward, gradient of the values, gradient of the weights. */
const passes = 3
const sampledRows = 256

/** Evenly spaced rows to count on. */
export function sampleOf(data: Dataset): Dataset {
  const count = Math.min(sampledRows, data.rows)
  return pick(
    data,
    Array.from({ length: count }, (_, place) => Math.floor((place * data.rows) / count)),
  )
}

/** Nominal seconds of one epoch over `rows` rows, counted on a sample of them. */
export function epochSeconds(
  layers: Network,
  inputs: Readonly<Record<string, FittedEncoder>>,
  sample: Dataset,
  rows: number,
): number {
  return ((layers.work + featureWork(layers.inputs, inputs, sample)) * rows * passes) / nominalSpeed
}

/** Nominal seconds of a forward pass of feature layers over `rows` rows. */
export function forwardSeconds(
  layers: Readonly<Record<string, FeatureLayer>>,
  inputs: Readonly<Record<string, FittedEncoder>>,
  sample: Dataset,
  rows: number,
): number {
  return (featureWork(layers, inputs, sample) * rows) / nominalForwardSpeed
}

/** Multiply-adds of a forward pass of a row. */
function featureWork(
  layers: Readonly<Record<string, FeatureLayer>>,
  inputs: Readonly<Record<string, FittedEncoder>>,
  sample: Dataset,
): number {
  return Object.entries(inputs).reduce((sum, [input, { encoder, state }], place) => {
    const layer = Object.values(layers)[place]!
    return sum + layer.work * meanLength(encoder.encode(sample.inputs[input]!, state))
  }, 0)
}

function meanLength({ rows, length }: EncodedColumn): number {
  if (!length || rows === 0) return 1
  let sum = 0
  for (let row = 0; row < rows; row++) sum += length(row)
  return sum / rows
}
