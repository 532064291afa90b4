import { METRICS, type MetricName, type MetricValues } from './table.js'

/** The metric by which models of an output are chosen. */
export const PRIMARY_METRIC = { category: 'accuracy', boolean: 'rocAuc', number: 'rmse' } as const satisfies Record<
  string,
  MetricName
>

/** By how much `a` is better than `b` in this metric (negative: worse), whichever direction the metric points. */
export function gain(name: MetricName, a: number, b: number): number {
  return METRICS[name].higherIsBetter ? a - b : b - a
}

/** Two values closer than this share of their size are a tie. */
const TIE = 1e-9

/**
 * Order of two models: positive when `a` is better by the primary metric, ties broken by log loss; 0 when both are
 * equal. A model without the metric is worse than one with it.
 */
export function compareModels(primary: MetricName, a: MetricValues, b: MetricValues): number {
  for (const name of [primary, 'logLoss'] as const) {
    const x = a[name]
    const y = b[name]
    if (x === undefined && y === undefined) continue
    if (x === undefined) return -1
    if (y === undefined) return 1
    const difference = gain(name, x, y)
    if (Math.abs(difference) > TIE * Math.max(Math.abs(x), Math.abs(y))) return difference
  }
  return 0
}
