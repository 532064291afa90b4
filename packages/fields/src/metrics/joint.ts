import { type Interval, intervalOf, resample } from './bootstrap.js'
import type { Outcomes } from './outcomes.js'
import { gain } from './primary.js'
import { METRICS, type MetricName, prepareMetric } from './table.js'

/** Two models' outcomes of one output, on the same rows of one test set. */
export interface ComparedOutput {
  metric: MetricName
  /** The output's share in the joint difference; any positive number. */
  weight: number
  /** Rows of the test set that have a label for this output, in the order of the outcomes. */
  rows: readonly number[]
  candidate: Outcomes
  champion: Outcomes
}

export interface JointDifference {
  /** Weighted mean of the outputs' differences; positive is better. */
  difference: number
  /** 95 % interval of `difference`. */
  interval: Interval
  /** Per output: its metric of both models and the 95 % interval of its own difference. */
  outputs: Record<string, { candidate: number; champion: number; difference: number; interval: Interval }>
}

const RESAMPLES = 1000
/** Row visits the whole comparison may cost; beyond, fewer resamples (never under 200). */
const VISITS = 4e8

/**
 * The paired bootstrap over all outputs of two models at once: rows of the test set are drawn with replacement, every
 * output of both models sees the same draws, and the differences are averaged by weight. Shares and areas differ
 * plainly; errors (rmse …) differ by the share of the champion's error, so that outputs of any unit can be averaged.
 * With one output it is `pairedBootstrap`. Efron & Tibshirani 1993.
 *
 * @param total rows of the test set
 */
export function jointBootstrap(
  outputs: Record<string, ComparedOutput>,
  total: number,
  { seed = 42 } = {},
): JointDifference {
  const compared = Object.entries(outputs).map(([name, output]) => {
    const { metric, rows, candidate, champion, weight } = output
    if (candidate.rows !== rows.length || champion.rows !== rows.length)
      throw new RangeError(
        `Joint bootstrap of "${name}": expected ${rows.length} rows, found ${candidate.rows} and ${champion.rows}`,
      )
    const ofCandidate = prepareMetric(metric, candidate)
    const ofChampion = prepareMetric(metric, champion)
    const difference = (counts: Uint16Array): number => {
      const before = ofChampion(counts)
      const plain = gain(metric, ofCandidate(counts), before)
      return METRICS[metric].higherIsBetter ? plain : plain / Math.max(Math.abs(before), Number.MIN_VALUE)
    }
    const all = new Uint16Array(rows.length).fill(1)
    const values = { candidate: ofCandidate(all), champion: ofChampion(all), difference: difference(all) }
    return { name, rows, weight, difference, values, drawn: new Uint16Array(rows.length), draws: [] as number[] }
  })
  const weights = compared.reduce((sum, { weight }) => sum + weight, 0)
  const visits = compared.reduce((sum, { rows }) => sum + rows.length * 2, 0) + total
  const joint: number[] = []
  resample(total, Math.max(200, Math.min(RESAMPLES, Math.floor(VISITS / visits))), seed, (counts) => {
    let sum = 0
    for (const output of compared) {
      for (let at = 0; at < output.rows.length; at++) output.drawn[at] = counts[output.rows[at]!]!
      const difference = output.difference(output.drawn)
      output.draws.push(difference)
      sum += output.weight * difference
    }
    joint.push(sum / weights)
  })
  return {
    difference: compared.reduce((sum, { weight, values }) => sum + weight * values.difference, 0) / weights,
    interval: intervalOf(joint),
    outputs: Object.fromEntries(
      compared.map(({ name, values, draws }) => [name, { ...values, interval: intervalOf(draws) }]),
    ),
  }
}
