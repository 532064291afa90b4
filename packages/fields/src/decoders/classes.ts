import { add, argMax, concat, crossEntropy, log, mul, softmax } from '@volant/graph'
import { type LinearModel, trainSoftmax, trainSquaredHinge } from '@volant/nn'
import type { OutputState } from '../field.js'
import type { MetricName } from '../metrics/index.js'
import { blendClasses, classOutcomes, fitTemperature, softmaxAt } from '../metrics/index.js'
import type { Decoder } from './decoder.js'

export interface ClassesState extends OutputState {
  readonly classes: readonly string[]
}

const width = (state: ClassesState) => state.classes.length
/** Scores of 0 for every class. */
function untrained(cols: number, classes: number): LinearModel {
  const outputs = classes > 2 ? classes : 1
  return { weights: new Float32Array(cols * outputs), bias: new Float32Array(outputs), outputs }
}

/** Keeps logarithms finite. */
const leastProbability = 1e-9
const solvers = { hinge: trainSquaredHinge, softmax: trainSoftmax }

/** One of several classes: cross-entropy, temperature, probabilities. */
export const classesDecoder = (primary: MetricName): Decoder<ClassesState> => ({
  width,

  async solve(x, targets, { loss, ...settings }, state) {
    // An output with labels in few rows may show one class only in some of them.
    if (new Set(targets.filter((target) => target >= 0)).size < 2) return untrained(x.cols, width(state))
    return solvers[loss](x, Int32Array.from(targets), { ...settings, classes: width(state) })
  },
  /** Two classes have one column, the score of the second against the first, whose own score is 0. */
  rawOfLinear(scores, state) {
    if (width(state) > 2) return scores
    const raw = new Float32Array(scores.length * 2)
    for (let row = 0; row < scores.length; row++) raw[2 * row + 1] = scores[row]!
    return raw
  },
  rawOfLinearGraph: (scores, state) => (width(state) > 2 ? scores : concat([mul(scores, 0), scores], 1)),

  targetType: 'int64',
  targetData: (targets) => BigInt64Array.from(targets, BigInt),
  loss: (raw, target, smoothing) => crossEntropy(raw, target, { smoothing }),
  badness: (metrics) => 1 - (metrics[primary] ?? 0) + 0.1 * (metrics.logLoss ?? 0),

  calibrate: (raw, targets, state) => ({ temperature: fitTemperature(raw, targets, width(state)) }),
  answers: (raw, { temperature }, state) => softmaxAt(raw, width(state), temperature),
  answersGraph: (raw, { temperature = 1 }) => softmax(mul(raw, 1 / temperature)),
  rawOf: (answers) => Float32Array.from(answers, (p) => Math.log(p + leastProbability)),
  rawOfGraph: (answers) => log(add(answers, leastProbability)),
  blend: (candidates, targets, state) =>
    blendClasses({ candidates, labels: targets, classes: width(state), positive: state.positive }, primary),
  majority(targets, state) {
    const shares = new Float64Array(width(state))
    const known = targets.filter((target) => target >= 0)
    for (const target of known) shares[target]! += 1 / known.length
    return shares
  },
  outcomes: (targets, answers, state) => classOutcomes(targets, answers, width(state), state.positive),

  outputs: (answers) => ({ '.probabilities': answers, '.value': argMax(answers, 1) }),
  answersOf: (tensors) => Float64Array.from(tensors['.probabilities']!.data as Float32Array),
  signature: (state) => [
    { suffix: '.probabilities', dtype: 'float32', dims: [width(state)], meaning: 'probability of each class' },
    { suffix: '.value', dtype: 'int64', dims: [], meaning: 'index of the most probable class' },
  ],
})
