import type { Calibration } from '../decoders/decoder.js'
import type { OutputState } from '../field.js'
import type { Spec } from '../spec/schema.js'
import type { TrainReport } from '../train/report.js'

export const formatName = 'volant-model'
export const formatVersion = 1

/** `model.json`: everything about a model but its weights. */
export interface ModelFile {
  format: typeof formatName
  version: number
  /** Names the model: the start of the sha256 of model.onnx. */
  id: string
  spec: Spec
  /** What was learnt of each output: classes, scale. */
  outputs: Record<string, OutputState>
  /** How each input becomes tensors. */
  encoders: StoredEncoder[]
  /** The parts of the blend, for the record; the graph holds them already. */
  parts: StoredPart[]
  /** Calibration of the blended answers, of outputs that blend several candidates. */
  blend: Record<string, Calibration>
  signature: Signature
  report: TrainReport
  lineage: Record<string, unknown>
  /** sha256 of the other files, by name. */
  files: Record<string, string>
}

export interface StoredEncoder {
  input: string
  encoder: string
  /** Tensor names are this and a suffix: `<input>` or `<input>.<encoder>`. */
  prefix: string
  /** Plain JSON, or the name of the file beside that holds it when it is over 64 kB. */
  state: { json: unknown } | { file: string }
}

interface StoredPart {
  candidate: string
  found: Record<string, number | string>
  weights: Record<string, number>
  calibration: Record<string, Calibration>
}

/** Names, types, dims and classes of the tensors of model.onnx. */
export interface Signature {
  inputs: TensorSignature[]
  outputs: (TensorSignature & { classes?: string[] })[]
}

export interface TensorSignature {
  name: string
  dtype: 'int64' | 'float32'
  dims: (string | number)[]
  /** The field it belongs to. */
  field: string
  meaning: string
}

/** `examples.json`: rows, their encoded tensors, and what the model gives for them. */
export interface Examples {
  rows: Record<string, unknown>[]
  inputs: Record<string, PlainTensor>
  outputs: Record<string, PlainTensor>
}

/** A tensor as JSON; NaN is written as null. */
export interface PlainTensor {
  dtype: 'int64' | 'float32'
  dims: number[]
  data: (number | null)[]
}
