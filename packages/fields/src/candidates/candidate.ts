import type { GraphBuilder, Tensor, Value } from '@volant/graph'
import type { PretrainedEncoder } from '@volant/models'
import type { ProcessGroup } from '@volant/nn'
import type { Encoder, Streams } from '../encoders/encoder.js'
import type { Spec } from '../spec/schema.js'
import type { Dataset } from '../train/dataset.js'
import type { FittedOutput } from '../train/outputs.js'

/** A way to learn all outputs from all inputs; the final model is one candidate or a blend of several. */
export interface Candidate {
  readonly name: string
  /** Trains on `train`; `valid` (which may have no rows) only chooses settings such as the number of epochs. */
  train(task: Task): Promise<TrainedCandidate>
}

export interface Task {
  readonly spec: Spec
  readonly outputs: readonly FittedOutput[]
  readonly train: Dataset
  readonly valid: Dataset
  /** Found by an earlier training of the same candidate, to be repeated on more rows. */
  readonly found?: Found
  /** What `train.base` names. */
  readonly base?: PretrainedEncoder
  readonly threads?: number
  /** Folder where networks keep their state, to go on when the training is started again. */
  readonly checkpoints?: string
  readonly parallel?: ProcessGroup
  readonly signal?: AbortSignal
  readonly onProgress: (progress: CandidateProgress) => void
}

/** Settings that validation chose, plain JSON. */
type Found = Readonly<Record<string, number | string>>

interface CandidateProgress {
  /** 0 … 1 of this training. */
  readonly fraction?: number
  /** A point of the validation curve. */
  readonly point?: { epoch: number; output: string; metric: string; value: number; loss?: number }
}

export interface TrainedCandidate {
  readonly name: string
  readonly found: Found
  /** The encoder of every input and what it learnt. */
  readonly inputs: Readonly<Record<string, FittedEncoder>>
  readonly parameters: ReadonlyMap<string, Tensor>
  /** For each input whose base has learnt adapters, which `parameters` have folded in: the files of a folder that PEFT reads. */
  readonly adapters?: readonly AdapterFiles[]
  /** Raw scores [rows, width] of each output. */
  raw(data: Dataset): Promise<Record<string, Float32Array>>
  /** The same as graph ops; `streams` gives the tensors of an input's encoder. */
  graph(builder: GraphBuilder, streams: (input: string) => Streams): Record<string, Value>
}

/** Contents by file name. */
export type AdapterFiles = ReadonlyMap<string, Uint8Array | string>

export interface FittedEncoder {
  readonly encoder: Encoder
  readonly state: unknown
}
