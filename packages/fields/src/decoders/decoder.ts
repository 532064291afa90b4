import type { Tensor, Value } from '@volant/graph'
import type { CsrMatrix, LinearModel } from '@volant/nn'
import type { Blend, MetricValues, Outcomes } from '../metrics/index.js'

/**
 * How an output is learnt and read back. A candidate gives raw scores [rows, width]; calibrated they are *answers*
 * [rows, width]: probabilities of the classes, or the number itself. Answers of several candidates are blended.
 */
export interface Decoder<S> {
  width(state: S): number

  // the linear model
  solve(x: CsrMatrix, targets: Float64Array, settings: SolveSettings, state: S): Promise<LinearModel>
  /** Raw scores from the columns of a linear model. */
  rawOfLinear(scores: Float32Array, state: S): Float32Array
  rawOfLinearGraph(scores: Value, state: S): Value

  // networks
  readonly targetType: 'int64' | 'float32'
  /** What the loss takes for targets, of `targetType`, one a row. */
  targetData(targets: Float64Array, state: S): BigInt64Array | Float32Array
  /** Mean loss over the rows that have a label; `smoothing` of class labels, 0 … 1. */
  loss(raw: Value, target: Value, smoothing: number): Value
  /** How far from right, for the validation curve of a network: lower is better, 0 is best. */
  badness(metrics: MetricValues, state: S): number

  // answers
  calibrate(raw: Float32Array, targets: Float64Array, state: S): Calibration
  answers(raw: Float32Array, calibration: Calibration, state: S): Float64Array
  answersGraph(raw: Value, calibration: Calibration, state: S): Value
  /** Raw scores of which these are the answers, so that a blend can be calibrated as a candidate is. */
  rawOf(answers: Float64Array, state: S): Float32Array
  rawOfGraph(answers: Value, state: S): Value
  blend(candidates: readonly Float64Array[], targets: Float64Array, state: S): Blend
  /** What one would answer without looking at the inputs, [width]. */
  majority(targets: Float64Array, state: S): Float64Array
  outcomes(targets: Float64Array, answers: Float64Array, state: S): Outcomes

  // the model file
  /** Tensors of the model file by suffix, from the blended answers [batch, width]. */
  outputs(answers: Value): Readonly<Record<string, Value>>
  /** Answers [rows, width] from those tensors. */
  answersOf(tensors: Readonly<Record<string, Tensor>>): Float64Array
  signature(state: S): readonly OutputStream[]
}

interface OutputStream {
  readonly suffix: string
  readonly dtype: 'int64' | 'float32'
  readonly dims: readonly (string | number)[]
  readonly meaning: string
}

interface SolveSettings {
  readonly C: number
  readonly loss: 'hinge' | 'softmax'
  readonly seed: number
  readonly signal?: AbortSignal
  readonly onProgress?: (progress: { fraction: number }) => void
}

/** Plain JSON. */
export interface Calibration {
  /** Raw class scores are divided by it before the softmax. */
  readonly temperature?: number
}
