import {
  bootstrapIntervals,
  type ComparedOutput,
  classOutcomes,
  coverageAtPrecision,
  jointBootstrap,
  type MetricName,
  measureAll,
  numberOutcomes,
  type Outcomes,
  type RowScores,
  type Spec,
} from '@volant/fields'
import type { Coverage, Gate, Scored } from './schema.js'

type OutputScores = RowScores['outputs'][string]

/** What one model said about every row of the test set: kept, so that later models are compared on the same rows. */
export interface Scores {
  rows: number
  outputs: Record<string, OutputScores & { positive: string | null; weight: number }>
}

/** Precision at which a row may be answered without a person. */
export const ALONE = 0.95

/** Shapes a model's row scores for keeping; probabilities keep six digits. */
export function scoresOf(scored: RowScores, rows: number, spec: Spec, positive: Record<string, string>): Scores {
  const outputs = Object.entries(scored.outputs).map(([name, output]) => [
    name,
    {
      ...output,
      probabilities: output.probabilities?.map((row) => Array.from(row, (value) => Math.round(value * 1e6) / 1e6)),
      positive: positive[name] ?? null,
      weight: spec.outputs[name]?.weight ?? 1,
    },
  ])
  return { rows, outputs: Object.fromEntries(outputs) as Scores['outputs'] }
}

/** Metrics with intervals per output, and how many rows could be answered alone. */
export function measureScores(scores: Scores): Scored {
  const scored: Scored = { rows: scores.rows, metrics: {}, intervals: {}, primary: {}, coverage: {} }
  for (const [name, output] of Object.entries(scores.outputs)) {
    if (output.rows.length === 0) continue
    const outcomes = outcomesOf(output)
    scored.metrics[name] = measureAll(outcomes) as Record<string, number>
    scored.intervals[name] = bootstrapIntervals(outcomes) as Record<string, [number, number]>
    scored.primary[name] = output.primary
    scored.coverage[name] = coverageOf(outcomes)
  }
  return scored
}

function coverageOf(outcomes: Outcomes): Coverage | null {
  if (outcomes.kind === 'numbers') return null
  const { coverage, threshold, precision } = coverageAtPrecision(outcomes, ALONE)
  return { precision: ALONE, share: coverage, threshold: threshold ?? 1, reached: precision }
}

/**
 * Pairs labels and answers over the classes of the model and of the labels: a label the model has never seen counts
 * as a wrong answer, it is not left out.
 */
function outcomesOf(output: OutputScores & { positive: string | null }, more: readonly string[] = []): Outcomes {
  if (!output.probabilities || !output.classes)
    return numberOutcomes(output.labels.map(Number), output.values.map(Number))
  const known = output.classes
  const classes = [...new Set([...known, ...more, ...output.labels.map(String)])]
  const place = new Map(classes.map((name, at) => [name, at]))
  const probabilities = new Float64Array(output.labels.length * classes.length)
  output.probabilities.forEach((row, at) => {
    for (let c = 0; c < known.length; c++) probabilities[at * classes.length + c] = row[c]!
  })
  const labels = output.labels.map((label) => place.get(String(label))!)
  return classOutcomes(labels, probabilities, classes.length, positiveOf(output.positive, place))
}

function positiveOf(positive: string | null, place: Map<string, number>): number {
  return (positive === null ? undefined : place.get(positive)) ?? 1
}

/**
 * The gate: is the candidate better than the champion on the frozen test set? Outputs that both models have and that
 * have labels are compared by their primary metric; their differences are averaged by the spec's weights.
 * Null when there is nothing to compare.
 */
export function compareScores(champion: Scores, candidate: Scores): Gate | null {
  const compared: Record<string, ComparedOutput> = {}
  for (const [name, now] of Object.entries(candidate.outputs)) {
    const before = champion.outputs[name]
    if (!before || now.rows.length === 0 || before.rows.length !== now.rows.length) continue
    compared[name] = {
      metric: now.primary as MetricName,
      weight: now.weight,
      rows: now.rows,
      candidate: outcomesOf(now, before.classes),
      champion: outcomesOf({ ...before, positive: now.positive }, now.classes),
    }
  }
  if (Object.keys(compared).length === 0) return null
  const joint = jointBootstrap(compared, candidate.rows)
  const outputs = Object.entries(joint.outputs).map(([name, output]) => {
    const { metric, weight } = compared[name]!
    return [name, { metric, weight, ...output }]
  })
  return {
    rows: candidate.rows,
    outputs: Object.fromEntries(outputs),
    difference: joint.difference,
    interval: joint.interval,
  }
}
