import type { Random } from '../random.js'
import type { CsrMatrix } from './matrix.js'
import type { Convergence } from './settings.js'

/** What the dual solvers of logistic and softmax regression share. */
export interface DualProblem {
  readonly x: CsrMatrix
  /** [rows] squared row length, the constant feature included. */
  readonly squares: Float64Array
  readonly labels: Int32Array
  /** [rows] cost of the row's loss; 0 leaves it out. */
  readonly costs: Float64Array
  readonly intercept: boolean
  readonly tolerance: number
  readonly maxIterations: number
  readonly random: Random
}

/** Share of the work done: the violation falls about geometrically from 1 to the tolerance. */
function estimate(worst: number, tolerance: number, iteration: number): number {
  const reached = Math.log(Math.max(worst, tolerance)) / Math.log(tolerance)
  return Math.max(0, Math.min(1, iteration === 1 ? 0.05 : reached))
}

/**
 * Sweeps over the rows in random order until no row's violation exceeds the tolerance. Rows found well within it are left out
 * until the others have converged, then all are looked at again. `visit` moves the given rows to their optimum, notes each
 * row's violation and returns the largest. `chunk` rows are visited between yields.
 */
export function* sweepUntilConverged(
  problem: DualProblem,
  chunk: number,
  visit: (rows: Int32Array, violations: Float64Array) => number,
): Generator<number, Convergence> {
  const { labels, costs, tolerance, maxIterations, random } = problem
  const order = Int32Array.from(labels.keys()).filter((i) => labels[i]! >= 0 && costs[i]! > 0)
  const violations = new Float64Array(labels.length)
  let active = order.length
  for (let iteration = 1; iteration <= maxIterations; iteration++) {
    random.shuffle(order, active)
    let worst = 0
    for (let from = 0; from < active; from += chunk) {
      worst = Math.max(worst, visit(order.subarray(from, Math.min(from + chunk, active)), violations))
      yield estimate(worst, tolerance, iteration)
    }
    if (worst <= tolerance && active === order.length) return { iterations: iteration, converged: true }
    active = worst <= tolerance ? order.length : moveToFront(order, active, (i) => violations[i]! > 0.3 * tolerance)
  }
  return { iterations: maxIterations, converged: false }
}

/** Reorders the first `length` rows so that those to keep come first; returns how many they are. */
function moveToFront(order: Int32Array, length: number, keep: (row: number) => boolean): number {
  let kept = 0
  for (let s = 0; s < length; s++) {
    const i = order[s]!
    if (!keep(i)) continue
    order[s] = order[kept]!
    order[kept++] = i
  }
  return kept
}
