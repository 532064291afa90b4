import type { Random } from '../random.js'
import type { CsrMatrix } from './matrix.js'

/** One two-class problem of squared hinge loss, the rest of the settings being shared by all classes. */
export interface HingeProblem {
  readonly x: CsrMatrix
  /** [rows] squared row length, the constant feature included. */
  readonly squares: Float64Array
  /** [rows] +1, -1, or 0 = row left out. */
  readonly signs: Int8Array
  /** [rows] cost of the row's loss (C times its weights); 0 leaves the row out. */
  readonly costs: Float64Array
  readonly intercept: boolean
  readonly tolerance: number
  readonly maxIterations: number
  readonly random: Random
}

export interface HingeSolution {
  /** [cols + 1]; the last is the intercept. */
  readonly w: Float64Array
  /** [rows] dual variables, all >= 0. */
  readonly alpha: Float64Array
  readonly iterations: number
  readonly converged: boolean
}

/**
 * Minimises  1/2 |w|^2 + sum_i cost_i max(0, 1 - sign_i w·x_i)^2  (the intercept is one more, regularised, feature of
 * constant value 1) by coordinate descent in the dual with shrinking: Hsieh, Chang, Lin, Keerthi, Sundararajan, "A dual
 * coordinate descent method for large-scale linear SVM", ICML 2008, algorithm 3, as in LIBLINEAR's solver 1. Stops when the
 * largest and smallest projected gradients differ by at most `tolerance`. Yields after each sweep.
 */
export function* solveSquaredHinge(problem: HingeProblem): Generator<undefined, HingeSolution> {
  const { x, signs, costs, tolerance, maxIterations, random } = problem
  const w = new Float64Array(x.cols + 1)
  const alpha = new Float64Array(x.rows)
  const order = Int32Array.from(rowsInPlay(signs, costs))
  const state: Sweep = { active: order.length, shrinkAbove: Number.POSITIVE_INFINITY, highest: 0, lowest: 0 }
  for (let iteration = 1; iteration <= maxIterations; iteration++) {
    random.shuffle(order, state.active)
    sweep(problem, w, alpha, order, state)
    if (state.highest - state.lowest <= tolerance) {
      if (state.active === order.length) return { w, alpha, iterations: iteration, converged: true }
      state.active = order.length // look at the shrunk rows once more
      state.shrinkAbove = Number.POSITIVE_INFINITY
    } else {
      state.shrinkAbove = state.highest > 0 ? state.highest : Number.POSITIVE_INFINITY
    }
    yield undefined
  }
  return { w, alpha, iterations: maxIterations, converged: false }
}

interface Sweep {
  /** Rows order[0 … active-1] are still looked at. */
  active: number
  /** A row at its bound is shrunk when its gradient exceeds this (the largest projected gradient of the sweep before). */
  shrinkAbove: number
  highest: number
  lowest: number
}

/** One pass over the active rows, each moved to the minimum along its own dual variable. */
function sweep(problem: HingeProblem, w: Float64Array, alpha: Float64Array, order: Int32Array, state: Sweep): void {
  const { indptr, indices, values, cols } = problem.x
  const { squares, signs, costs } = problem
  const constant = problem.intercept ? 1 : 0
  let active = state.active
  let highest = Number.NEGATIVE_INFINITY
  let lowest = Number.POSITIVE_INFINITY
  for (let s = 0; s < active; s++) {
    const i = order[s]!
    const sign = signs[i]!
    const from = indptr[i]!
    const to = indptr[i + 1]!
    let score = w[cols]!
    for (let at = from; at < to; at++) score += w[indices[at]!]! * values[at]!
    const diagonal = 0.5 / costs[i]!
    const before = alpha[i]!
    const gradient = sign * score - 1 + before * diagonal
    let projected = gradient
    if (before === 0) {
      if (gradient > state.shrinkAbove) {
        active--
        order[s--] = order[active]!
        order[active] = i
        continue
      }
      if (gradient > 0) projected = 0
    }
    if (projected > highest) highest = projected
    if (projected < lowest) lowest = projected
    if (Math.abs(projected) < 1e-12) continue
    const after = Math.max(before - gradient / (squares[i]! + diagonal), 0)
    alpha[i] = after
    const step = (after - before) * sign
    for (let at = from; at < to; at++) w[indices[at]!]! += step * values[at]!
    w[cols]! += step * constant
  }
  state.active = active
  state.highest = highest
  state.lowest = lowest
}

function* rowsInPlay(signs: Int8Array, costs: Float64Array): Generator<number> {
  for (let i = 0; i < signs.length; i++) if (signs[i] !== 0 && costs[i]! > 0) yield i
}
