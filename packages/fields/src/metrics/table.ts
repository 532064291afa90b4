import { accuracy, balancedAccuracy, f1, macroF1, precision, recall, weightedF1 } from './decisions.js'
import type { ClassMetric, Evaluate, NumberMetric } from './metric.js'
import type { ClassOutcomes, Outcomes } from './outcomes.js'
import { ece, logLoss } from './probabilities.js'
import { prAuc, rankingVisits, rocAuc } from './ranking.js'
import { mae, mse, r2, rmse } from './regression.js'

const up = { higherIsBetter: true } as const
const down = { higherIsBetter: false } as const
const classes = { of: 'classes' } as const
const binary = { of: 'classes', binary: true } as const
const numbers = { of: 'numbers' } as const

/** Everything known of a metric, in the order reports show them. */
export const METRICS = {
  accuracy: { ...up, ...classes, prepare: accuracy, title: 'share answered right' },
  balancedAccuracy: { ...up, ...classes, prepare: balancedAccuracy, title: 'mean recall of the classes' },
  f1: { ...up, ...binary, prepare: f1, title: 'F1 of the positive class' },
  precision: { ...up, ...binary, prepare: precision, title: 'positive answers that are right' },
  recall: { ...up, ...binary, prepare: recall, title: 'positive rows that are found' },
  macroF1: { ...up, ...classes, prepare: macroF1, title: 'mean F1 of the classes' },
  weightedF1: { ...up, ...classes, prepare: weightedF1, title: 'mean F1, weighted by rows of the class' },
  logLoss: { ...down, ...classes, prepare: logLoss, title: 'mean -ln p(true class), nats' },
  rocAuc: { ...up, ...classes, prepare: rocAuc, visits: rankingVisits, title: 'area under the ROC curve' },
  prAuc: { ...up, ...classes, prepare: prAuc, visits: rankingVisits, title: 'average precision' },
  ece: { ...down, ...classes, prepare: ece, title: 'expected calibration error, 15 bins' },
  mse: { ...down, ...numbers, prepare: mse, title: 'mean squared error' },
  rmse: { ...down, ...numbers, prepare: rmse, title: 'root mean squared error' },
  mae: { ...down, ...numbers, prepare: mae, title: 'mean absolute error' },
  r2: { ...up, ...numbers, prepare: r2, title: 'share of variance explained' },
} satisfies Record<string, ClassMetric | NumberMetric>

export type MetricName = keyof typeof METRICS

/** Metric values by name; a metric that is undefined on the rows (one class only, no spread) is absent. */
export type MetricValues = Partial<Record<MetricName, number>>

const names = Object.keys(METRICS) as MetricName[]
const row = (name: MetricName): ClassMetric | NumberMetric => METRICS[name]

/** Names of the metrics that make sense for these outcomes, in the table's order; none without rows. */
export function metricNames(outcomes: Outcomes): MetricName[] {
  if (outcomes.rows === 0) return []
  return names.filter((name) => {
    const metric = row(name)
    if (metric.of !== outcomes.kind) return false
    return metric.of === 'numbers' || !metric.binary || (outcomes as ClassOutcomes).positive !== null
  })
}

/** Prepares one metric for repeated evaluation. @throws RangeError when the metric is not one for these outcomes */
export function prepareMetric(name: MetricName, outcomes: Outcomes): Evaluate {
  const metric = row(name)
  if (!metricNames(outcomes).includes(name))
    throw new RangeError(`Metric "${name}": expected ${metric.of}, found outcomes that are ${outcomes.kind}`)
  if (metric.of === 'classes') return metric.prepare(outcomes as ClassOutcomes)
  return metric.prepare(outcomes as Extract<Outcomes, { kind: 'numbers' }>)
}

/** Row visits of one evaluation: what a resample costs. */
export function metricVisits(name: MetricName, outcomes: Outcomes): number {
  const metric = row(name)
  return metric.of === 'classes' && metric.visits ? metric.visits(outcomes as ClassOutcomes) : outcomes.rows
}

/** Value of one metric; NaN where it is undefined. */
export function measure(name: MetricName, outcomes: Outcomes): number {
  return prepareMetric(name, outcomes)(new Uint16Array(outcomes.rows).fill(1))
}

/** All metrics that are defined on the rows. */
export function measureAll(outcomes: Outcomes): MetricValues {
  const values: MetricValues = {}
  for (const name of metricNames(outcomes)) {
    const value = measure(name, outcomes)
    if (Number.isFinite(value)) values[name] = value
  }
  return values
}
