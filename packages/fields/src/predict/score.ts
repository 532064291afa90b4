import type { Row } from '@volant/data'
import { UnreadableCell } from '../field.js'
import { METRICS } from '../metrics/index.js'
import type { FittedOutput } from '../train/outputs.js'
import { isPredictionError, type Prediction } from './prediction.js'

type Label = string | number | boolean

/** What a model said of labelled rows, row by row: two models scored on the same rows can be compared in pairs. */
export interface RowScores {
  outputs: Record<string, OutputScores>
}

export interface OutputScores {
  /** The metric by which models of this output are compared. */
  primary: string
  higherIsBetter: boolean
  /** Places, among the given rows, of those with a readable row and a label; the lists below follow them. */
  rows: number[]
  labels: Label[]
  values: Label[]
  /** Per row the probabilities of `classes`; absent for numbers. */
  probabilities?: number[][]
  classes?: string[]
}

/** Puts predictions beside the labels that stand in the same rows. */
export function scoresOf(
  outputs: readonly FittedOutput[],
  rows: readonly Row[],
  predictions: readonly Prediction[],
): RowScores {
  return { outputs: Object.fromEntries(outputs.map((output) => [output.name, scoreOutput(output, rows, predictions)])) }
}

function scoreOutput(output: FittedOutput, rows: readonly Row[], predictions: readonly Prediction[]): OutputScores {
  const { name, type, state } = output
  const classes = state.classes && [...state.classes]
  const { higherIsBetter } = METRICS[type.primary]
  const scores: OutputScores = { primary: type.primary, higherIsBetter, rows: [], labels: [], values: [] }
  if (classes) Object.assign(scores, { classes, probabilities: [] })
  rows.forEach((row, place) => {
    const prediction = predictions[place]!
    const label = labelOf(output, row)
    if (label === null || isPredictionError(prediction)) return
    const { value, probabilities } = prediction[name]!
    scores.rows.push(place)
    scores.labels.push(label)
    scores.values.push(value)
    if (classes) scores.probabilities!.push(classes.map((label) => probabilities![label]!))
  })
  return scores
}

/** An unreadable label is none. */
function labelOf({ name, type, settings }: FittedOutput, row: Row): Label | null {
  try {
    return type.read(row[name], settings) as Label | null
  } catch (error) {
    if (error instanceof UnreadableCell) return null
    throw error
  }
}
