import type { BootstrapOptions } from './bootstrap.js'
import { type Evaluate, meanOf } from './metric.js'
import { rocAucOfScores } from './ranking.js'
import { type VectorReport, vectorReport } from './vector-report.js'

/** How similarities of pairs follow the scores that people gave: Spearman's and Pearson's correlation. */
export function scoreReport(
  similarities: ArrayLike<number>,
  scores: ArrayLike<number>,
  options: BootstrapOptions = {},
): VectorReport {
  return vectorReport(similarities.length, options, {
    // In resamples the ranks stay those of all rows.
    spearman: correlation(ranksOf(similarities), ranksOf(scores)),
    pearson: correlation(similarities, scores),
  })
}

/**
 * How similarities of pairs tell those that belong together (label 1) from the others (0): the area under the ROC curve, and the
 * accuracy of calling those together whose similarity is at least `threshold`, where one is given.
 */
export function labelReport(
  similarities: ArrayLike<number>,
  labels: ArrayLike<number>,
  threshold: number | undefined,
  options: BootstrapOptions = {},
): VectorReport {
  const accuracy = (least: number) =>
    meanOf(Float64Array.from(similarities, (x, i) => (x >= least === (labels[i] === 1) ? 1 : 0)))
  return vectorReport(labels.length, options, {
    rocAuc: rocAucOfScores(similarities, labels),
    ...(threshold !== undefined && { accuracy: accuracy(threshold) }),
  })
}

/** The similarity from which on pairs are best called together: halfway between neighbours, the most accurate. */
export function bestThreshold(similarities: ArrayLike<number>, labels: ArrayLike<number>): number {
  const order = orderOf(similarities)
  // From below all: everything is called together.
  let right = Array.from(order, (i) => labels[i]!).filter((label) => label === 1).length
  let [best, threshold] = [right, Number.NEGATIVE_INFINITY]
  order.forEach((row, place) => {
    right += labels[row] === 1 ? -1 : 1
    const [here, next] = [similarities[row]!, similarities[order[place + 1] ?? -1] ?? Number.POSITIVE_INFINITY]
    if (right <= best || here === next) return
    best = right
    threshold = (here + next) / 2
  })
  return threshold
}

/** Pearson's correlation; NaN where one side does not vary. */
function correlation(a: ArrayLike<number>, b: ArrayLike<number>): Evaluate {
  return (counts) => {
    let [rows, sumA, sumB] = [0, 0, 0]
    for (const [i, count] of counts.entries()) {
      rows += count
      sumA += count * a[i]!
      sumB += count * b[i]!
    }
    const [meanA, meanB] = [sumA / rows, sumB / rows]
    let [both, squaresA, squaresB] = [0, 0, 0]
    for (const [i, count] of counts.entries()) {
      both += count * (a[i]! - meanA) * (b[i]! - meanB)
      squaresA += count * (a[i]! - meanA) ** 2
      squaresB += count * (b[i]! - meanB) ** 2
    }
    return both / Math.sqrt(squaresA * squaresB)
  }
}

/** Rows by their numbers, the smallest first. */
const orderOf = (numbers: ArrayLike<number>) =>
  Array.from(numbers, (_, row) => row).sort((a, b) => numbers[a]! - numbers[b]!)

/** Ranks from 1; equal numbers share the mean of theirs. */
function ranksOf(numbers: ArrayLike<number>): Float64Array {
  const order = orderOf(numbers)
  const ranks = new Float64Array(order.length)
  for (let from = 0; from < order.length; ) {
    let to = from
    while (to < order.length && numbers[order[to]!] === numbers[order[from]!]) to++
    for (let place = from; place < to; place++) ranks[order[place]!] = (from + 1 + to) / 2
    from = to
  }
  return ranks
}
