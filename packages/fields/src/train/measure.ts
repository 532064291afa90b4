import { bootstrapIntervals, type Interval, type MetricValues, measureAll, type Outcomes } from '../metrics/index.js'
import type { Dataset } from './dataset.js'
import { type FittedOutput, targetsOf } from './outputs.js'

export type ByOutput<T> = Record<string, T>
export type Metrics = MetricValues
export type Intervals = Partial<Record<string, Interval>>
export type Answers = Readonly<Record<string, Float64Array>>

/** Answers of one output beside the labels of the rows; null when no row has a label. */
export function outcomesOf(output: FittedOutput, data: Dataset, answers: Float64Array): Outcomes | null {
  const { decoder } = output.type
  const targets = targetsOf(output, data)
  const outcomes = decoder.outcomes(targets, answers, output.state)
  return outcomes.rows > 0 ? outcomes : null
}

/** Rows whose label was never seen in training, by output: they have no place among the answers. */
function unseenLabels(output: FittedOutput, data: Dataset): unknown[] {
  if (!output.state.classes) return []
  const known = new Set(output.state.classes)
  return data.labels[output.name]!.filter((label) => label !== null && !known.has(String(label)))
}

/** All metrics of every output. */
export function measureOutputs(outputs: readonly FittedOutput[], data: Dataset, answers: Answers): ByOutput<Metrics> {
  const measured: ByOutput<Metrics> = {}
  for (const output of outputs) {
    const outcomes = outcomesOf(output, data, answers[output.name]!)
    if (outcomes)
      measured[output.name] = withUnseen(measureAll(outcomes), outcomes.rows, unseenLabels(output, data).length)
  }
  return measured
}

/** 95 % bootstrap intervals of every metric. */
export function intervalsOf(
  outputs: readonly FittedOutput[],
  data: Dataset,
  answers: Answers,
  seed: number,
): ByOutput<Intervals> {
  const intervals: ByOutput<Intervals> = {}
  for (const output of outputs) {
    const outcomes = outcomesOf(output, data, answers[output.name]!)
    if (!outcomes) continue
    const drawn = bootstrapIntervals(outcomes, { seed })
    const share = outcomes.rows / (outcomes.rows + unseenLabels(output, data).length)
    intervals[output.name] = drawn.accuracy
      ? { ...drawn, accuracy: [drawn.accuracy[0] * share, drawn.accuracy[1] * share] }
      : drawn
  }
  return intervals
}

/** A row with a class the model cannot name is answered wrong; only accuracy can say so. */
function withUnseen(metrics: Metrics, rows: number, unseen: number): Metrics {
  if (unseen === 0 || metrics.accuracy === undefined) return metrics
  return { ...metrics, accuracy: (metrics.accuracy * rows) / (rows + unseen) }
}
