import { add, encodeOnnx, GraphBuilder, lower, mul, type Tensor, type Value } from '@volant/graph'
import type { FittedEncoder } from '../candidates/candidate.js'
import type { Streams } from '../encoders/encoder.js'
import type { Choice, Part } from '../train/choose.js'
import type { FittedOutput } from '../train/outputs.js'
import type { Signature } from './format.js'

/** An encoder of the model with the prefix of its tensors' names. */
export interface PlacedEncoder extends FittedEncoder {
  readonly input: string
  readonly prefix: string
}

export interface AssembledModel {
  readonly onnx: Uint8Array
  readonly parameters: Map<string, Tensor>
  readonly encoders: readonly PlacedEncoder[]
  readonly signature: Signature
}

/** One graph of all parts: encoding of raw numbers, the candidates, their calibration and the blend. */
export function assemble(
  outputs: readonly FittedOutput[],
  parts: readonly Part[],
  blend: Choice['blend'],
): AssembledModel {
  const builder = new GraphBuilder('model')
  const encoders = placeEncoders(parts)
  const streams = declareInputs(builder, encoders)
  const parameters = new Map<string, Tensor>()
  const answers = new Map<string, Value>()
  for (const { candidate, weights, calibration } of parts) {
    const raw = candidate.graph(builder, (input) => streams.get(keyOf(input, candidate.inputs[input]!.encoder.name))!)
    for (const { name, type, state } of outputs) {
      if (weights[name]! === 0) continue
      const answer = mul(type.decoder.answersGraph(raw[name]!, calibration[name]!, state), weights[name]!)
      const before = answers.get(name)
      answers.set(name, before ? add(before, answer) : answer)
    }
    for (const [path, tensor] of candidate.parameters) parameters.set(path, tensor)
  }
  for (const { name, type, state } of outputs) {
    const { decoder } = type
    const mix = answers.get(name)!
    const final = blend[name] ? decoder.answersGraph(decoder.rawOfGraph(mix, state), blend[name], state) : mix
    for (const [suffix, value] of Object.entries(decoder.outputs(final))) builder.output(name + suffix, value)
  }
  const model = lower(builder.build(), { opset: 18, provider: 'cpu', mode: 'infer' }, parameters)
  return { onnx: encodeOnnx(model), parameters, encoders, signature: signatureOf(outputs, encoders) }
}

const keyOf = (input: string, encoder: string) => `${input}\n${encoder}`

/** Candidates that encode an input alike share its tensors; the first encoder of an input has the plain name. */
function placeEncoders(parts: readonly Part[]): PlacedEncoder[] {
  const placed = new Map<string, PlacedEncoder>()
  const named = new Set<string>()
  for (const { candidate } of parts) {
    for (const [input, { encoder, state }] of Object.entries(candidate.inputs)) {
      const key = keyOf(input, encoder.name)
      if (placed.has(key)) continue
      placed.set(key, { input, encoder, state, prefix: named.has(input) ? `${input}.${encoder.name}` : input })
      named.add(input)
    }
  }
  return [...placed.values()]
}

function declareInputs(builder: GraphBuilder, encoders: readonly PlacedEncoder[]): Map<string, Streams> {
  return new Map(
    encoders.map(({ input, encoder, state, prefix }, place) => [
      keyOf(input, encoder.name),
      Object.fromEntries(
        encoder.streams(state).map(({ suffix, dtype, dims }) => {
          const shape = ['batch', ...dims.map((dim) => (typeof dim === 'string' ? `${dim}${place}` : dim))]
          return [suffix, builder.input(prefix + suffix, dtype, shape)]
        }),
      ),
    ]),
  )
}

function signatureOf(outputs: readonly FittedOutput[], encoders: readonly PlacedEncoder[]): Signature {
  return {
    inputs: encoders.flatMap(({ input, encoder, state, prefix }) =>
      encoder.streams(state).map(({ suffix, dtype, dims, meaning }) => ({
        name: prefix + suffix,
        dtype,
        dims: ['batch', ...dims],
        field: input,
        meaning,
      })),
    ),
    outputs: outputs.flatMap(({ name, type, state }) =>
      type.decoder.signature(state).map(({ suffix, dtype, dims, meaning }) => ({
        name: name + suffix,
        dtype,
        dims: ['batch', ...dims],
        field: name,
        meaning,
        ...(state.classes ? { classes: [...state.classes] } : {}),
      })),
    ),
  }
}
