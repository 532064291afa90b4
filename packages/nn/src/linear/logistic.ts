import { type DualProblem, sweepUntilConverged } from './dual-problem.js'
import type { LinearModel } from './matrix.js'
import type { Convergence } from './settings.js'

/**
 * Two-class logistic regression in the dual: w = sum_i cost_i sign_i p_i x_i, where p_i is the probability the model should
 * give to the wrong class; each row in turn is moved to its exact optimum (Yu, Huang, Lin 2011, algorithm 5).
 */
export function* solveLogistic(problem: DualProblem): Generator<number, LinearModel & Convergence> {
  const { x } = problem
  const w = new Float64Array(x.cols + 1)
  const dual = new Float64Array(x.rows)
  const chunk = Math.ceil((2e6 * x.rows) / (x.indices.length + 1))
  const convergence = yield* sweepUntilConverged(problem, chunk, (rows, seen) => visit(problem, rows, seen, w, dual))
  const weights = Float32Array.from(w.subarray(0, x.cols))
  return { weights, bias: Float32Array.of(w[x.cols]!), outputs: 1, ...convergence }
}

/** Moves each of the rows to its optimum; returns the largest difference between a predicted and a dual probability. */
function visit(
  problem: DualProblem,
  rows: Int32Array,
  violations: Float64Array,
  w: Float64Array,
  dual: Float64Array,
): number {
  const { indptr, indices, values, cols } = problem.x
  const { labels, costs, squares } = problem
  const constant = problem.intercept ? 1 : 0
  let worst = 0
  for (const i of rows) {
    const sign = labels[i] === 1 ? 1 : -1
    const from = indptr[i]!
    const to = indptr[i + 1]!
    let score = w[cols]!
    for (let at = from; at < to; at++) score += w[indices[at]!]! * values[at]!
    const margin = sign * score
    const before = dual[i]!
    const violation = Math.abs(sigmoid(-margin) - before)
    violations[i] = violation
    if (violation > worst) worst = violation
    if (violation < 0.1 * problem.tolerance) continue
    const after = rowOptimum(margin, before, costs[i]! * squares[i]!)
    dual[i] = after
    const step = costs[i]! * sign * (after - before)
    for (let at = from; at < to; at++) w[indices[at]!]! += step * values[at]!
    w[cols]! += step * constant
  }
  return worst
}

/** Root in p of  logit(p) + s (p - before) + margin = 0, by Newton's method in logit(p) kept inside its bracket. */
function rowOptimum(margin: number, before: number, s: number): number {
  let low = -margin - s * (1 - before)
  let high = -margin + s * before
  let u = Math.min(Math.max(before > 0 && before < 1 ? Math.log(before / (1 - before)) : -margin, low), high)
  for (let step = 0; step < 60; step++) {
    const p = sigmoid(u)
    const value = u + s * (p - before) + margin
    if (value > 0) high = u
    else low = u
    let next = u - value / (1 + s * p * (1 - p))
    if (next <= low || next >= high) next = (low + high) / 2
    if (Math.abs(next - u) < 1e-12 * (1 + Math.abs(u))) return sigmoid(next)
    u = next
  }
  return sigmoid(u)
}

function sigmoid(u: number): number {
  return 1 / (1 + Math.exp(-u))
}
