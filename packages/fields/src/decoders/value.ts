import {
  abs,
  add,
  cast,
  clip,
  div,
  isNaN as isMissing,
  maximum,
  mul,
  reduceSum,
  reshape,
  squeeze,
  sub,
  where,
} from '@volant/graph'
import { trainRidge } from '@volant/nn'
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

  solve(x, targets, { C, signal, onProgress }, { mean, deviation }) {
    const standardised = targets.map((target) => (target - mean) / deviation)
    return trainRidge(x, standardised, { C, signal, onProgress })
  },
  rawOfLinear: (scores) => scores,
  rawOfLinearGraph: (scores) => scores,

  targetTensor: (targets, { mean, deviation }) => ({
    dtype: 'float32',
    dims: [targets.length],
    data: Float32Array.from(targets, (target) => (target - mean) / deviation),
  }),
  targetInput: (builder, name) => builder.input(name, 'float32', ['batch']),
  loss(raw, target) {
    const missing = isMissing(target)
    const known = sub(1, cast(missing, 'float32'))
    const wanted = where(missing, target.builder.constant(0), target)
    const error = abs(mul(sub(reshape(raw, ['batch']), wanted), known))
    // Huber (1964): e^2 up to 3, 3 (2e - 3) beyond.
    const near = clip(error, 0, huberBound)
    const loss = mul(near, sub(mul(error, 2), near))
    return div(reduceSum(loss, [0]), maximum(reduceSum(known, [0]), 1))
  },

  calibrate: () => ({}),
  answers: (raw, _calibration, { mean, deviation }) => Float64Array.from(raw, (x) => mean + deviation * x),
  answersGraph: (raw, _calibration, { mean, deviation }) => add(mul(raw, deviation), mean),
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
