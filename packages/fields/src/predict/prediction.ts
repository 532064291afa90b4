import type { FittedOutput } from '../train/outputs.js'

/** What a model says of one output. */
export interface OutputPrediction {
  value: string | number | boolean
  /** Of `value`; absent for numbers. */
  probability?: number
  /** Of every class; absent for numbers. */
  probabilities?: Record<string, number>
}

export interface PredictionError {
  error: { row: number; message: string }
}

/** One row's answers by output, or why there are none. */
export type Prediction = Record<string, OutputPrediction> | PredictionError

/** Whether a row could not be answered. */
export function isPredictionError(prediction: Prediction): prediction is PredictionError {
  return 'error' in prediction && 'message' in prediction.error
}

/** The answer of one row, from the answers [rows, width] of an output. */
export function predictionOf(output: FittedOutput, answers: Float64Array, row: number): OutputPrediction {
  const { type, state } = output
  const { classes } = state
  if (!classes) return { value: type.value(answers[row]!, state) }
  let best = 0
  const probabilities: Record<string, number> = {}
  classes.forEach((name, place) => {
    const probability = answers[row * classes.length + place]!
    probabilities[name] = probability
    if (probability > answers[row * classes.length + best]!) best = place
  })
  return { value: type.value(best, state), probability: probabilities[classes[best]!]!, probabilities }
}
