import type { ClassOutcomes, NumberOutcomes } from './outcomes.js'

/** How often each row counts: all ones for the plain value, draws with replacement in a bootstrap resample. */
export type Counts = Uint16Array

/** Value of a metric on the rows it was prepared for, each counted as told; NaN where it is undefined. */
export type Evaluate = (counts: Counts) => number

interface Described {
  readonly higherIsBetter: boolean
  /** What the number says, in a few words, with its range or unit. */
  readonly title: string
}

/**
 * A metric is prepared once per set of outcomes (sorting, per-row statistics) and evaluated in one pass over the rows
 * after that, which is what makes a thousand bootstrap resamples cheap.
 */
export interface ClassMetric extends Described {
  readonly of: 'classes'
  /** Only for outputs with two classes. */
  readonly binary?: true
  /** Row visits of one evaluation when it is not one per row. */
  readonly visits?: (outcomes: ClassOutcomes) => number
  readonly prepare: (outcomes: ClassOutcomes) => Evaluate
}

export interface NumberMetric extends Described {
  readonly of: 'numbers'
  readonly prepare: (outcomes: NumberOutcomes) => Evaluate
}

/** Mean of a per-row statistic: sum(count_i * s_i) / sum(count_i). */
export function meanOf(statistic: Float64Array): Evaluate {
  return (counts) => {
    let sum = 0
    let total = 0
    for (let row = 0; row < statistic.length; row++) {
      const count = counts[row]!
      sum += count * statistic[row]!
      total += count
    }
    return sum / total
  }
}
