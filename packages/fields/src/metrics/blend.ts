import type { Numbers } from './outcomes.js'
import { classOutcomes, numberOutcomes, type Outcomes } from './outcomes.js'
import { compareModels } from './primary.js'
import { type MetricName, measureAll } from './table.js'

export interface Blend {
  /** Weight per candidate, >= 0, summing to 1; a single 1 when no blend helps. */
  weights: number[]
  /** Whether several candidates are mixed. */
  blended: boolean
  /** Candidate that is best alone. */
  best: number
}

export interface ClassCandidates {
  /** Validation probabilities of each candidate, [rows, classes] row-major. */
  candidates: readonly Numbers[]
  /** True class per row, -1 where it is missing. */
  labels: Numbers
  classes: number
  positive?: number
}

/** Weights below this are dropped: a candidate that costs time must earn it. */
const LEAST = 0.02

/**
 * Mixes candidates' probabilities, p = sum_k w_k p_k, with the weights of least validation log loss (a linear opinion
 * pool; the loss is convex, EM finds its minimum from equal weights). The mix is kept only if it beats the best single
 * candidate by the primary metric (ties by log loss) on rows its weights were not fitted on: each half of the rows is
 * judged with the weights of the other half.
 */
export function blendClasses(input: ClassCandidates, primary: MetricName = 'accuracy'): Blend {
  const { candidates, labels, classes, positive } = input
  const rows = indices(labels.length).filter((row) => labels[row]! >= 0)
  const ofLabel = candidates.map((p) => Float64Array.from(labels, (label, row) => p[row * classes + label] ?? 0))
  const known = Float64Array.from(labels)
  return guarded({
    count: candidates.length,
    rows,
    primary,
    fit: (part) => mixtureWeights(ofLabel, part),
    outcomes: (weightsOf) => classOutcomes(known, mix(candidates, classes, weightsOf), classes, positive),
  })
}

export interface NumberCandidates {
  /** Validation predictions of each candidate. */
  candidates: readonly Numbers[]
  /** True number per row, NaN where it is missing. */
  targets: Numbers
}

/** Mixes candidates' predictions with the simplex weights of least squared error, guarded as `blendClasses` is. */
export function blendNumbers({ candidates, targets }: NumberCandidates, primary: MetricName = 'rmse'): Blend {
  const rows = indices(targets.length).filter((row) => !Number.isNaN(targets[row]!))
  return guarded({
    count: candidates.length,
    rows,
    primary,
    fit: (part) => leastSquaresWeights(candidates, targets, part),
    outcomes: (weightsOf) => numberOutcomes(targets, mix(candidates, 1, weightsOf)),
  })
}

interface Problem {
  count: number
  rows: number[]
  primary: MetricName
  fit: (rows: number[]) => number[]
  outcomes: (weightsOf: (row: number) => readonly number[]) => Outcomes
}

function guarded({ count, rows, primary, fit, outcomes }: Problem): Blend {
  const single = (k: number) => indices(count).map((j) => (j === k ? 1 : 0))
  const judged = (weightsOf: (row: number) => readonly number[]) => measureAll(outcomes(weightsOf))
  const alone = indices(count).map((k) => judged(() => single(k)))
  const best = alone.reduce((top, values, k) => (compareModels(primary, values, alone[top]!) > 0 ? k : top), 0)
  const kept = { weights: single(best), blended: false, best }
  if (count < 2 || rows.length < 4) return kept
  const half = new Map(rows.map((row, place) => [row, place % 2]))
  const fitted = [1, 0].map((other) => fit(rows.filter((row) => half.get(row) === other)))
  const crossed = judged((row) => fitted[half.get(row) ?? 0]!)
  if (compareModels(primary, crossed, alone[best]!) <= 0) return kept
  const weights = withoutCrumbs(fit(rows))
  return weights.filter((w) => w > 0).length < 2 ? kept : { weights, blended: true, best }
}

/** EM for mixture weights: w_k <- mean over rows of w_k p_k / sum_j w_j p_j. */
function mixtureWeights(ofLabel: readonly Float64Array[], rows: readonly number[]): number[] {
  let weights = ofLabel.map(() => 1 / ofLabel.length)
  for (let round = 0; round < 300; round++) {
    const next = weights.map(() => 0)
    for (const row of rows) {
      let p = 1e-12
      for (let k = 0; k < weights.length; k++) p += weights[k]! * ofLabel[k]![row]!
      for (let k = 0; k < weights.length; k++) next[k]! += (weights[k]! * ofLabel[k]![row]!) / p
    }
    weights = normalised(next)
  }
  return weights
}

/** Minimum of |sum_k w_k f_k - y|^2 on the simplex: exact line search between pairs of candidates, in turn. */
function leastSquaresWeights(candidates: readonly Numbers[], targets: Numbers, rows: readonly number[]): number[] {
  const n = candidates.length
  const errors = candidates.map((f) => rows.map((row) => f[row]! - targets[row]!))
  const products = errors.map((a) => errors.map((b) => a.reduce((sum, e, i) => sum + e * b[i]!, 0)))
  const weights = errors.map(() => 1 / n)
  const slope = (k: number) => weights.reduce((sum, w, j) => sum + w * products[k]![j]!, 0)
  for (let round = 0; round < 200; round++) {
    for (let a = 0; a < n; a++) {
      for (let b = a + 1; b < n; b++) {
        const curvature = products[a]![a]! + products[b]![b]! - 2 * products[a]![b]!
        if (!(curvature > 0)) continue
        const step = Math.min(weights[b]!, Math.max(-weights[a]!, (slope(b) - slope(a)) / curvature))
        weights[a]! += step
        weights[b]! -= step
      }
    }
  }
  return weights
}

/** Weighted sum of the candidates' rows, the weights told per row. */
function mix(candidates: readonly Numbers[], width: number, weightsOf: (row: number) => readonly number[]) {
  const mixed = new Float64Array(candidates[0]!.length)
  for (let at = 0; at < mixed.length; at += width) {
    const weights = weightsOf(at / width)
    candidates.forEach((p, k) => {
      if (weights[k]! > 0) for (let c = at; c < at + width; c++) mixed[c]! += weights[k]! * p[c]!
    })
  }
  return mixed
}

const indices = (count: number) => Array.from({ length: count }, (_, i) => i)

function normalised(weights: readonly number[]): number[] {
  const total = weights.reduce((sum, w) => sum + w, 0)
  return weights.map((w) => w / total)
}

const withoutCrumbs = (weights: readonly number[]) => normalised(weights.map((w) => (w < LEAST ? 0 : w)))
