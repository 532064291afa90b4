import type { Tensor, Value } from '@volant/graph'
import type { Batch, InputType } from '@volant/nn'
import type { EncodedColumn, Streams } from '../encoders/encoder.js'
import type { Dataset } from '../train/dataset.js'
import { type FittedOutput, targetsOf } from '../train/outputs.js'
import type { FittedEncoder } from './candidate.js'

/** The tensor of an output's targets in a training batch. */
export const targetName = (output: string) => `target:${output}`

/** The tensors of a training batch. */
export function declared(
  inputs: Readonly<Record<string, FittedEncoder>>,
  outputs: readonly FittedOutput[],
): Record<string, InputType> {
  const streams = Object.entries(inputs).flatMap(([input, { encoder, state }], place) =>
    encoder.streams(state).map(({ suffix, dtype, dims }) => {
      const shape = ['batch', ...dims.map((dim) => (typeof dim === 'string' ? `${dim}${place}` : dim))]
      return [input + suffix, { dtype, shape }] as [string, InputType]
    }),
  )
  const targets = outputs.map(({ name, type }): [string, InputType] => [
    targetName(name),
    { dtype: type.decoder.targetType, shape: ['batch'] },
  ])
  return Object.fromEntries([...streams, ...targets])
}

/** The tensors of an input among all, by suffix. */
export function streamsAmong(values: Readonly<Record<string, Value>>, inputs: Readonly<Record<string, FittedEncoder>>) {
  return (input: string): Streams => {
    const { encoder, state } = inputs[input]!
    return Object.fromEntries(encoder.streams(state).map(({ suffix }) => [suffix, values[input + suffix]!]))
  }
}

export interface EncodedData {
  readonly rows: number
  readonly length?: (row: number) => number
  batch(rows: Int32Array): Batch
}

/** The rows of a data set as batches; with targets where outputs are given. */
export function encodedData(
  inputs: Readonly<Record<string, FittedEncoder>>,
  outputs: readonly FittedOutput[],
  data: Dataset,
): EncodedData {
  const columns = Object.entries(inputs).map(([input, { encoder, state }]): [string, EncodedColumn] => [
    input,
    encoder.encode(data.inputs[input]!, state),
  ])
  const targets = outputs.map((output) => ({ output, values: targetsOf(output, data) }))
  const lengths = columns.flatMap(([, column]) => (column.length ? [column.length] : []))
  return {
    rows: data.rows,
    length: lengths.length > 0 ? (row) => lengths.reduce((sum, length) => sum + length(row), 0) : undefined,
    batch(rows) {
      const batch: Record<string, Tensor> = {}
      for (const [input, column] of columns) {
        for (const [suffix, tensor] of Object.entries(column.tensors(rows))) batch[input + suffix] = tensor
      }
      for (const { output, values } of targets) {
        const { decoder } = output.type
        const some = Float64Array.from(rows, (row) => values[row]!)
        batch[targetName(output.name)] = {
          dtype: decoder.targetType,
          dims: [rows.length],
          data: decoder.targetData(some, output.state),
        }
      }
      return batch
    },
  }
}

const rowsAtOnce = 128

/** Runs a network over all rows. @returns raw scores [rows, width] by output */
export function rawScores(
  data: Dataset,
  inputs: Readonly<Record<string, FittedEncoder>>,
  outputs: readonly FittedOutput[],
  run: (batch: Batch) => Promise<Record<string, Tensor>>,
): Promise<Record<string, Float32Array>> {
  const widths = Object.fromEntries(outputs.map(({ name, type, state }) => [name, type.decoder.width(state)]))
  return runAll(data, inputs, widths, run)
}

/** Runs a network over all rows, rows of like length together. @returns what it gives, [rows, width], by name */
export async function runAll(
  data: Dataset,
  inputs: Readonly<Record<string, FittedEncoder>>,
  widths: Readonly<Record<string, number>>,
  run: (batch: Batch) => Promise<Record<string, Tensor>>,
  onProgress: (fraction: number) => void = () => {},
): Promise<Record<string, Float32Array>> {
  const { batch, length } = encodedData(inputs, [], data)
  const order = Int32Array.from({ length: data.rows }, (_, row) => row)
  if (length) order.sort((a, b) => length(a) - length(b) || a - b)
  const raw = Object.fromEntries(
    Object.entries(widths).map(([name, width]) => [name, new Float32Array(data.rows * width)]),
  )
  for (let from = 0; from < data.rows; from += rowsAtOnce) {
    const rows = order.slice(from, from + rowsAtOnce)
    const results = await run(batch(rows))
    for (const [name, width] of Object.entries(widths)) {
      const scores = results[name]!.data as Float32Array
      rows.forEach((row, place) => {
        raw[name]!.set(scores.subarray(place * width, (place + 1) * width), row * width)
      })
    }
    onProgress((from + rows.length) / data.rows)
  }
  return raw
}
