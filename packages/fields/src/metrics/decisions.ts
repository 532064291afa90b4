import type { Evaluate } from './metric.js'
import { meanOf } from './metric.js'
import type { ClassOutcomes } from './outcomes.js'

/** Share of rows answered right. */
export function accuracy({ rows, labels, predicted }: ClassOutcomes): Evaluate {
  const right = new Float64Array(rows)
  for (let row = 0; row < rows; row++) right[row] = labels[row] === predicted[row] ? 1 : 0
  return meanOf(right)
}

/** Counts per class: right answers, rows of the class (support), rows answered with it. */
interface Tally {
  hits: Float64Array
  support: Float64Array
  answered: Float64Array
}

function tallied(outcomes: ClassOutcomes, summary: (tally: Tally) => number): Evaluate {
  const { rows, classes, labels, predicted } = outcomes
  const tally = {
    hits: new Float64Array(classes),
    support: new Float64Array(classes),
    answered: new Float64Array(classes),
  }
  return (counts) => {
    tally.hits.fill(0)
    tally.support.fill(0)
    tally.answered.fill(0)
    for (let row = 0; row < rows; row++) {
      const count = counts[row]!
      if (count === 0) continue
      const label = labels[row]!
      const answer = predicted[row]!
      tally.support[label]! += count
      tally.answered[answer]! += count
      if (label === answer) tally.hits[label]! += count
    }
    return summary(tally)
  }
}

/** F1 = 2 tp / (2 tp + fp + fn) = 2 hits / (support + answered); 0 where the class is never hit. */
const f1Of = ({ hits, support, answered }: Tally, c: number) => (2 * hits[c]!) / (support[c]! + answered[c]! || 1)

/** Mean recall of the classes that occur. Brodersen et al. 2010. */
export function balancedAccuracy(outcomes: ClassOutcomes): Evaluate {
  return tallied(outcomes, ({ hits, support }) => {
    let sum = 0
    let present = 0
    for (let c = 0; c < support.length; c++) {
      if (support[c] === 0) continue
      sum += hits[c]! / support[c]!
      present++
    }
    return sum / present
  })
}

/** Mean F1 of the classes that occur or are answered. */
export function macroF1(outcomes: ClassOutcomes): Evaluate {
  return tallied(outcomes, (tally) => {
    let sum = 0
    let present = 0
    for (let c = 0; c < outcomes.classes; c++) {
      if (tally.support[c]! + tally.answered[c]! === 0) continue
      sum += f1Of(tally, c)
      present++
    }
    return sum / present
  })
}

/** Mean F1 of the classes, weighted by their number of rows. */
export function weightedF1(outcomes: ClassOutcomes): Evaluate {
  return tallied(outcomes, (tally) => {
    let sum = 0
    let total = 0
    for (let c = 0; c < outcomes.classes; c++) {
      sum += tally.support[c]! * f1Of(tally, c)
      total += tally.support[c]!
    }
    return sum / total
  })
}

/** F1 of the positive class. */
export function f1(outcomes: ClassOutcomes): Evaluate {
  return tallied(outcomes, (tally) => f1Of(tally, outcomes.positive!))
}

/** Share of positive answers that are right: tp / (tp + fp); 0 when there is no positive answer. */
export function precision(outcomes: ClassOutcomes): Evaluate {
  const positive = outcomes.positive!
  return tallied(outcomes, ({ hits, answered }) => hits[positive]! / (answered[positive]! || 1))
}

/** Share of positive rows that are found: tp / (tp + fn); 0 when there is no positive row. */
export function recall(outcomes: ClassOutcomes): Evaluate {
  const positive = outcomes.positive!
  return tallied(outcomes, ({ hits, support }) => hits[positive]! / (support[positive]! || 1))
}
