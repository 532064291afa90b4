import { add, cast, isNaN as isMissing, mul, squeeze, sub } from '@volant/graph'
import { huber, trainRidge } from '@volant/nn'
import type { OutputState } from '../field.js'
import type { MetricName } from '../metrics/index.js'
import { blendNumbers, numberOutcomes } from '../metrics/index.js'
import type { Decoder } from './decoder.js'

/** Raw scores are standardised: value = mean + deviation * raw. */
export interface ScaleState extends OutputState {
  readonly mean: number
  readonly deviation: number
}

/** A number: squared error on the standardised scale (a large error, beyond 3 deviations, counts only linearly). */
export const valueDecoder = (primary: MetricName): Decoder<ScaleState> => ({
  width: () => 1,

  async solve(x, targets, { C, signal, onProgress }, { mean, deviation }) {
    if (targets.every(Number.isNaN)) return { weights: new Float32Array(x.cols), bias: Float32Array.of(0), outputs: 1 }
    const standardised = targets.map((target) => (target - mean) / deviation)
    return trainRidge(x, standardised, { C, tolerance: 1e-4, signal, onProgress })
  },
  rawOfLinear: (scores) => scores,
  rawOfLinearGraph: (scores) => scores,

  targetType: 'float32',
  targetData: (targets, { mean, deviation }) => Float32Array.from(targets, (target) => (target - mean) / deviation),
  loss(raw, target) {
    const mask = sub(1, cast(isMissing(target), 'float32'))
    return huber(squeeze(raw, [1]), target, { mask, delta: huberBound })
  },
  badness: (metrics, { deviation }) => (metrics[primary] ?? Number.POSITIVE_INFINITY) / deviation,

  calibrate: () => ({}),
  answers: (raw, _calibration, { mean, deviation }) => Float64Array.from(raw, (x) => mean + deviation * x),
  answersGraph: (raw, _calibration, { mean, deviation }) => add(mul(raw, deviation), mean),
  rawOf: (answers, { mean, deviation }) => Float32Array.from(answers, (x) => (x - mean) / deviation),
  rawOfGraph: (answers, { mean, deviation }) => mul(sub(answers, mean), 1 / deviation),
  blend: (candidates, targets) => blendNumbers({ candidates, targets }, primary),
  majority(targets) {
    const known = targets.filter((target) => !Number.isNaN(target))
    return Float64Array.of(known.reduce((sum, target) => sum + target, 0) / known.length)
  },
  outcomes: (targets, answers) => numberOutcomes(targets, answers),

  outputs: (answers) => ({ '.value': squeeze(answers, [1]) }),
  answersOf: (tensors) => Float64Array.from(tensors['.value']!.data as Float32Array),
  signature: () => [{ suffix: '.value', dtype: 'float32', dims: [], meaning: 'the number' }],
})

const huberBound = 3
