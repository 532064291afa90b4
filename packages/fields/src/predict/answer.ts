import type { Tensor } from '@volant/graph'
import type { Session } from '@volant/nn'
import type { PlacedEncoder } from '../folder/assemble.js'
import type { FittedOutput } from '../train/outputs.js'

/** Most numbers in the tensors of one run; long texts so come in smaller batches. */
const largestBatch = 400_000
const mostRows = 1024

/** The tensors of the model file for some rows. */
export function encodeRows(
  encoders: readonly PlacedEncoder[],
  inputs: Readonly<Record<string, readonly unknown[]>>,
): Record<string, Tensor> {
  const feeds: Record<string, Tensor> = {}
  for (const { input, encoder, prefix, state } of encoders) {
    for (const [suffix, tensor] of Object.entries(encoder.encode(inputs[input]!, state).tensors()))
      feeds[prefix + suffix] = tensor
  }
  return feeds
}

/** Runs the model file over rows in batches. @returns answers [rows, width] by output */
export async function answerRows(
  session: Session,
  encoders: readonly PlacedEncoder[],
  outputs: readonly FittedOutput[],
  inputs: Readonly<Record<string, readonly unknown[]>>,
  rows: number,
  onProgress?: (fraction: number) => void,
): Promise<Record<string, Float64Array>> {
  const answers = Object.fromEntries(
    outputs.map(({ name, type, state }) => [name, new Float64Array(rows * type.decoder.width(state))]),
  )
  for (let from = 0, size = 64; from < rows; ) {
    const to = Math.min(rows, from + size)
    const some = Object.fromEntries(Object.entries(inputs).map(([name, values]) => [name, values.slice(from, to)]))
    const feeds = encodeRows(encoders, some)
    const results = await session.run(feeds)
    for (const output of outputs) {
      const width = output.type.decoder.width(output.state)
      answers[output.name]!.set(output.type.decoder.answersOf(ofOutput(results, output)), from * width)
    }
    const cells = Object.values(feeds).reduce((sum, tensor) => sum + tensor.data.length, 0)
    size = Math.max(1, Math.min(mostRows, Math.floor((largestBatch * (to - from)) / Math.max(1, cells))))
    from = to
    onProgress?.(from / rows)
  }
  return answers
}

/** The tensors of one output by suffix. */
function ofOutput(
  results: Readonly<Record<string, Tensor>>,
  { name, type, state }: FittedOutput,
): Record<string, Tensor> {
  return Object.fromEntries(type.decoder.signature(state).map(({ suffix }) => [suffix, results[name + suffix]!]))
}
