import type { Numbers } from './outcomes.js'

/** Range of inverse temperatures looked at: from nearly uniform answers to nearly hard ones. */
const SOFTEST = 1e-3
const HARDEST = 1e3

/**
 * Temperature T that makes softmax(scores / T) fit the labels best (Guo et al. 2017). Scores may be logits, log
 * probabilities or the margins of a support vector machine; the answers' order stays as it was.
 *
 * The log loss is convex in b = 1 / T, with derivative sum_i E_p[s_i] - s_i(target) and curvature sum_i Var_p[s_i]; it
 * is minimised by Newton steps kept inside a shrinking bracket. Targets are softened by 1 / (rows + 2) as Platt (1999)
 * does, so that a validation set without a mistake does not ask for certainty.
 *
 * @param scores [rows, classes] row-major
 * @param labels true class per row, -1 where it is missing
 * @returns the temperature, between 0.001 and 1000; 1 when no row has a label
 */
export function fitTemperature(scores: Numbers, labels: Numbers, classes: number): number {
  const rows: number[] = []
  for (let row = 0; row < labels.length; row++) if (labels[row]! >= 0) rows.push(row)
  if (rows.length === 0) return 1
  const slope = lossSlope(scores, labels, classes, rows)
  let low = SOFTEST
  let high = HARDEST
  let b = 1
  for (let step = 0; step < 100 && high / low > 1 + 1e-7; step++) {
    const { first, second } = slope(b)
    if (first > 0) high = b
    else low = b
    const newton = second > 0 ? b - first / second : Number.NaN
    if (Math.abs(newton - b) < 1e-9 * b) break
    b = newton > low && newton < high ? newton : Math.sqrt(low * high)
  }
  return 1 / b
}

function lossSlope(scores: Numbers, labels: Numbers, classes: number, rows: number[]) {
  const softening = 1 / (rows.length + 2)
  const share = new Float64Array(classes)
  return (b: number) => {
    let first = 0
    let second = 0
    for (const row of rows) {
      const at = row * classes
      let top = Number.NEGATIVE_INFINITY
      let centre = 0
      for (let c = 0; c < classes; c++) {
        top = Math.max(top, scores[at + c]!)
        centre += scores[at + c]! / classes
      }
      let total = 0
      for (let c = 0; c < classes; c++) {
        share[c] = Math.exp(b * (scores[at + c]! - top))
        total += share[c]!
      }
      let mean = 0
      for (let c = 0; c < classes; c++) mean += (share[c]! / total) * scores[at + c]!
      for (let c = 0; c < classes; c++) second += (share[c]! / total) * (scores[at + c]! - mean) ** 2
      first += mean - (1 - softening) * scores[at + labels[row]!]! - softening * centre
    }
    return { first, second }
  }
}

/** softmax(scores / temperature) per row. @returns [rows, classes] row-major */
export function softmaxAt(scores: Numbers, classes: number, temperature = 1): Float64Array {
  const probabilities = new Float64Array(scores.length)
  for (let at = 0; at < scores.length; at += classes) {
    let top = Number.NEGATIVE_INFINITY
    for (let c = 0; c < classes; c++) top = Math.max(top, scores[at + c]!)
    let total = 0
    for (let c = 0; c < classes; c++) {
      probabilities[at + c] = Math.exp((scores[at + c]! - top) / temperature)
      total += probabilities[at + c]!
    }
    for (let c = 0; c < classes; c++) probabilities[at + c]! /= total
  }
  return probabilities
}
