import type { Evaluate } from './metric.js'
import { meanOf } from './metric.js'
import { type ClassOutcomes, confidences } from './outcomes.js'

/** Smallest probability a logarithm is taken of. */
const FLOOR = 1e-15

/** Mean of -ln p(true class), in nats; probabilities are floored at 1e-15. */
export function logLoss({ rows, classes, labels, probabilities }: ClassOutcomes): Evaluate {
  const loss = new Float64Array(rows)
  for (let row = 0; row < rows; row++)
    loss[row] = -Math.log(Math.max(FLOOR, probabilities[row * classes + labels[row]!]!))
  return meanOf(loss)
}

/** Equal-width bins of confidence, as in Guo et al. 2017. */
export const CALIBRATION_BINS = 15

/** Bin of a confidence in (0, 1]: bin b holds ((b, b+1] / bins). */
export function binOf(confidence: number, bins: number): number {
  return Math.min(bins - 1, Math.max(0, Math.ceil(confidence * bins) - 1))
}

/**
 * Expected calibration error: sum over 15 confidence bins of share(bin) * |accuracy(bin) - mean confidence(bin)|.
 * Naeini et al. 2015; Guo et al. 2017, "On Calibration of Modern Neural Networks".
 */
export function ece(outcomes: ClassOutcomes): Evaluate {
  const { rows, labels, predicted } = outcomes
  const confidence = confidences(outcomes)
  const bin = new Uint8Array(rows)
  const gap = new Float64Array(rows)
  for (let row = 0; row < rows; row++) {
    bin[row] = binOf(confidence[row]!, CALIBRATION_BINS)
    gap[row] = (labels[row] === predicted[row] ? 1 : 0) - confidence[row]!
  }
  const gaps = new Float64Array(CALIBRATION_BINS)
  return (counts) => {
    gaps.fill(0)
    let total = 0
    for (let row = 0; row < rows; row++) {
      gaps[bin[row]!]! += counts[row]! * gap[row]!
      total += counts[row]!
    }
    let sum = 0
    for (const g of gaps) sum += Math.abs(g)
    return sum / total
  }
}
