import { type BootstrapOptions, type Interval, intervalOf, resample } from './bootstrap.js'
import type { Evaluate } from './metric.js'

/** Values by name with their 95 % intervals. */
export interface VectorReport {
  readonly rows: number
  readonly metrics: Readonly<Record<string, number>>
  readonly intervals: Readonly<Record<string, Interval>>
}

/** Metrics of rows, their intervals those of a bootstrap over the rows. */
export function vectorReport(
  rows: number,
  { seed, resamples = 1000 }: BootstrapOptions,
  metrics: Readonly<Record<string, Evaluate>>,
): VectorReport {
  const each = Object.entries(metrics).map(([name, evaluate]) => ({ name, evaluate, drawn: [] as number[] }))
  resample(rows, resamples, seed, (counts) => {
    for (const { evaluate, drawn } of each) drawn.push(evaluate(counts))
  })
  const once = new Uint16Array(rows).fill(1)
  return {
    rows,
    metrics: Object.fromEntries(each.map(({ name, evaluate }) => [name, evaluate(once)])),
    intervals: Object.fromEntries(each.map(({ name, drawn }) => [name, intervalOf(drawn)])),
  }
}
