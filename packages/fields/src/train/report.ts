import type { BaseModel } from '@volant/models'
import type { Spec } from '../spec/schema.js'
import type { Share } from './choose.js'
import type { ByOutput, Intervals, Metrics } from './measure.js'
import type { SplitReport } from './parts.js'

/** What a training came to: the document of `train --json`. */
export interface TrainReport {
  /** The model folder, absolute. */
  model: string
  id: string
  task: 'classification' | 'regression' | 'multi'
  seconds: number
  /** Rows of the data set divided by the seconds of training. */
  examplesPerSecond: number
  parameters: number
  spec: Spec
  /** The pretrained model that the choice starts from, where it starts from one. */
  base?: BaseModel
  split: SplitReport
  chosen: Omit<Share, 'calibration'>[]
  metrics: Measured<Metrics>
  /** 95 % bootstrap intervals. */
  intervals: Measured<Intervals>
  /** What one gets without effort: always the most frequent answer, and a linear model. */
  baselines: { majority: Measured<Metrics>; linear: Measured<Metrics> }
  /** The positive class of each output with two. */
  positive: Record<string, string>
  /** Rows of each file that could not be read and were left out, such as those with too many fields. */
  rejected: RejectedRows[]
  notes: string[]
}

export interface RejectedRows {
  path: string
  rows: number
  first: { line: number; reason: string }
}

/** By part of the data; null when the part has no rows. */
export interface Measured<T> {
  valid: ByOutput<T> | null
  test: ByOutput<T> | null
}
