import { type ClassOutcomes, confidences } from './outcomes.js'
import { binOf, CALIBRATION_BINS } from './probabilities.js'

export interface ClassRow {
  /** Index of the class. */
  class: number
  precision: number
  recall: number
  f1: number
  /** Rows of the class. */
  rows: number
  /** Rows answered with the class. */
  answered: number
}

/** Precision, recall and F1 of every class against the rest (0 where nothing was answered, found or there). */
export function perClass({ rows, classes, labels, predicted }: ClassOutcomes): ClassRow[] {
  const hits = new Uint32Array(classes)
  const support = new Uint32Array(classes)
  const answered = new Uint32Array(classes)
  for (let row = 0; row < rows; row++) {
    support[labels[row]!]!++
    answered[predicted[row]!]!++
    if (labels[row] === predicted[row]) hits[labels[row]!]!++
  }
  return Array.from(hits, (hit, c) => ({
    class: c,
    precision: hit / (answered[c]! || 1),
    recall: hit / (support[c]! || 1),
    f1: (2 * hit) / (support[c]! + answered[c]! || 1),
    rows: support[c]!,
    answered: answered[c]!,
  }))
}

/** Rows per [true class][answered class]. */
export function confusionMatrix({ rows, classes, labels, predicted }: ClassOutcomes): number[][] {
  const matrix = Array.from({ length: classes }, () => new Array<number>(classes).fill(0))
  for (let row = 0; row < rows; row++) matrix[labels[row]!]![predicted[row]!]!++
  return matrix
}

export interface Confusion {
  /** True class. */
  label: number
  /** Class answered instead. */
  predicted: number
  rows: number
  /** Share of the true class's rows. */
  share: number
}

/** The most frequent mistakes, most rows first. Needs no matrix, so thousands of classes are fine. */
export function topConfusions({ rows, classes, labels, predicted }: ClassOutcomes, limit = 10): Confusion[] {
  const support = new Uint32Array(classes)
  const mistakes = new Map<number, number>()
  for (let row = 0; row < rows; row++) {
    support[labels[row]!]!++
    if (labels[row] === predicted[row]) continue
    const cell = labels[row]! * classes + predicted[row]!
    mistakes.set(cell, (mistakes.get(cell) ?? 0) + 1)
  }
  return [...mistakes]
    .map(([cell, count]) => {
      const label = Math.floor(cell / classes)
      return { label, predicted: cell % classes, rows: count, share: count / support[label]! }
    })
    .sort((a, b) => b.rows - a.rows || b.share - a.share || a.label - b.label || a.predicted - b.predicted)
    .slice(0, limit)
}

export interface ReliabilityBin {
  /** Confidences in (from, to]. */
  from: number
  to: number
  rows: number
  /** Mean confidence of the bin's rows; NaN in an empty bin. */
  confidence: number
  /** Share of the bin's rows answered right; NaN in an empty bin. */
  accuracy: number
}

/** Confidence against accuracy in bins of equal width: the reliability diagram of Guo et al. 2017. */
export function reliability(outcomes: ClassOutcomes, bins = CALIBRATION_BINS): ReliabilityBin[] {
  const confidence = confidences(outcomes)
  const rows = new Uint32Array(bins)
  const sure = new Float64Array(bins)
  const right = new Float64Array(bins)
  for (let row = 0; row < outcomes.rows; row++) {
    const bin = binOf(confidence[row]!, bins)
    rows[bin]!++
    sure[bin]! += confidence[row]!
    if (outcomes.labels[row] === outcomes.predicted[row]) right[bin]!++
  }
  return Array.from(rows, (count, bin) => ({
    from: bin / bins,
    to: (bin + 1) / bins,
    rows: count,
    confidence: sure[bin]! / count,
    accuracy: right[bin]! / count,
  }))
}

export interface Coverage {
  /** Share of rows that can be answered alone; 0 when no threshold reaches the precision. */
  coverage: number
  /** Least confidence of an answered row; null when none is answered. */
  threshold: number | null
  /** Share of the answered rows that are right; 0 when none is answered. */
  precision: number
}

/**
 * The largest share of rows that can be answered without a person when the answered rows must be right with the given
 * precision: rows are answered when their confidence reaches one threshold (selective classification, El-Yaniv &
 * Wiener 2010).
 */
export function coverageAtPrecision(outcomes: ClassOutcomes, precision = 0.95): Coverage {
  const { rows, labels, predicted } = outcomes
  const confidence = confidences(outcomes)
  const order = Int32Array.from({ length: rows }, (_, row) => row).sort((a, b) => confidence[b]! - confidence[a]!)
  let best: Coverage = { coverage: 0, threshold: null, precision: 0 }
  let right = 0
  for (let place = 0; place < rows; place++) {
    const row = order[place]!
    if (labels[row] === predicted[row]) right++
    const tied = place + 1 < rows && confidence[order[place + 1]!] === confidence[row]
    if (tied || right < precision * (place + 1)) continue
    best = { coverage: (place + 1) / rows, threshold: confidence[row]!, precision: right / (place + 1) }
  }
  return best
}
