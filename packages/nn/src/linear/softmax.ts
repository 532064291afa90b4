import { Random } from '../random.js'
import { cooperate } from './cooperate.js'
import { type DualProblem, sweepUntilConverged } from './dual-problem.js'
import { solveLogistic } from './logistic.js'
import { type CsrMatrix, type LinearModel, rowSquares } from './matrix.js'
import { type Convergence, checkSettings, type LinearSettings } from './settings.js'

/**
 * L2-regularised softmax (multinomial logistic) regression: minimises  1/2 |W|^2 + sum_i cost_i (-log softmax(W^T x_i)[y_i])
 * with cost_i = C * class weight of y_i * row weight; the bias is one more, regularised, feature. Two classes are fitted as
 * logistic regression with one column, the log-odds of class 1. Solved in the dual by coordinate descent over rows (Yu,
 * Huang, Lin, "Dual coordinate descent methods for logistic regression and maximum entropy models", Machine Learning 2011),
 * which keeps one weight matrix in memory and no history. Stops when no row's predicted distribution differs from its dual
 * variables by more than `tolerance` (default 1e-3); at most `maxIterations` sweeps (default 200).
 * Throws NnError `bad-matrix` or `bad-settings`, or the signal's reason.
 */
export async function trainSoftmax(
  x: CsrMatrix,
  labels: Int32Array,
  settings: LinearSettings,
): Promise<LinearModel & Convergence> {
  const { classes, C, intercept = true, tolerance = 1e-3, maxIterations = 200, seed = 0 } = settings
  const { classWeights, rowWeights } = checkSettings(x, labels, settings)
  const costs = Float64Array.from(rowWeights, (weight, i) => {
    const label = labels[i]!
    return label < 0 ? 0 : C * weight * classWeights[label]!
  })
  const squares = rowSquares(x, intercept ? 1 : 0)
  const common = { x, squares, labels, costs, intercept, tolerance, maxIterations, random: new Random(seed) }
  const solver = classes === 2 ? solveLogistic(common) : solveSoftmax(common, classes)
  return cooperate(solver, settings)
}

function* solveSoftmax(problem: DualProblem, classes: number): Generator<number, LinearModel & Convergence> {
  const { x, labels } = problem
  const weights = new Float32Array(x.cols * classes)
  const bias = new Float64Array(classes)
  const dual = new Float32Array(x.rows * classes) // row i: a distribution, at first all on its label, so that W = 0
  labels.forEach((label, i) => {
    if (label >= 0) dual[i * classes + label] = 1
  })
  const row = new RowProblem(classes)
  const chunk = Math.ceil((2e7 * x.rows) / (classes * (x.indices.length + 1)))
  const convergence = yield* sweepUntilConverged(problem, chunk, (rows, seen) =>
    visit(problem, rows, seen, row, weights, bias, dual),
  )
  return { weights, bias: Float32Array.from(bias), outputs: classes, ...convergence }
}

/** Moves each of the rows to its optimum; returns the largest difference between a predicted and a dual probability. */
function visit(
  problem: DualProblem,
  rows: Int32Array,
  violations: Float64Array,
  row: RowProblem,
  weights: Float32Array,
  bias: Float64Array,
  dual: Float32Array,
): number {
  const { indptr, indices, values } = problem.x
  const classes = bias.length
  const { scores, before, after } = row
  const constant = problem.intercept ? 1 : 0
  let worst = 0
  for (const i of rows) {
    const from = indptr[i]!
    const to = indptr[i + 1]!
    const cost = problem.costs[i]!
    for (let k = 0; k < classes; k++) scores[k] = bias[k]!
    for (let at = from; at < to; at++) {
      const value = values[at]!
      const base = indices[at]! * classes
      for (let k = 0; k < classes; k++) scores[k]! += value * weights[base + k]!
    }
    for (let k = 0; k < classes; k++) before[k] = dual[i * classes + k]!
    const violation = row.solve(cost * problem.squares[i]!)
    violations[i] = violation
    if (violation > worst) worst = violation
    if (violation < 0.1 * problem.tolerance) continue
    for (let k = 0; k < classes; k++) {
      dual[i * classes + k] = after[k]!
      after[k] = cost * (before[k]! - dual[i * classes + k]!) // now the step of W along x_i
      bias[k]! += constant * after[k]!
    }
    for (let at = from; at < to; at++) {
      const value = values[at]!
      const base = indices[at]! * classes
      for (let k = 0; k < classes; k++) weights[base + k]! += value * after[k]!
    }
  }
  return worst
}

/**
 * The dual problem of one row: the distribution p that minimises  sum_k p_k log p_k - z·p + s/2 |p - p_before|^2, where z are
 * the scores and s = cost * |x|^2. Its optimum has  log p_k + s p_k = z_k + s p_before_k - lambda; u = log p and lambda
 * are found together by Newton's method, starting between softmax(z) and p_before.
 */
class RowProblem {
  readonly scores: Float64Array
  readonly before: Float64Array
  readonly after: Float64Array
  readonly #logs: Float64Array

  constructor(classes: number) {
    this.scores = new Float64Array(classes)
    this.before = new Float64Array(classes)
    this.after = new Float64Array(classes)
    this.#logs = new Float64Array(classes)
  }

  /** Fills `after` and returns max_k |softmax(z)_k - p_before_k|. */
  solve(s: number): number {
    const { scores, before, after } = this
    const u = this.#logs
    const classes = scores.length
    let top = Number.NEGATIVE_INFINITY
    for (let k = 0; k < classes; k++) if (scores[k]! > top) top = scores[k]!
    let sum = 0
    for (let k = 0; k < classes; k++) sum += after[k] = Math.exp(scores[k]! - top)
    let violation = 0
    for (let k = 0; k < classes; k++) {
      const predicted = after[k]! / sum
      violation = Math.max(violation, Math.abs(predicted - before[k]!))
      after[k] = (predicted + s * before[k]!) / (1 + s)
      u[k] = Math.log(after[k]! + 1e-300)
    }
    for (let step = 0; step < 30; step++) if (this.#newton(s, top) < 1e-7) break
    let total = 0
    for (let k = 0; k < classes; k++) total += after[k]!
    for (let k = 0; k < classes; k++) after[k]! /= total
    return violation
  }

  /** One joint step in (u, lambda); returns the largest change of a probability. */
  #newton(s: number, top: number): number {
    const { scores, before, after } = this
    const u = this.#logs
    const classes = scores.length
    // The step of u_k is (r_k - lambda) / (1 + s p_k), with r the residual; lambda keeps sum p = 1 to first order.
    let excess = -1
    let slope = 0
    for (let k = 0; k < classes; k++) {
      const p = after[k]!
      const gain = p / (1 + s * p)
      excess += p + gain * (scores[k]! - top + s * before[k]! - u[k]! - s * p)
      slope += gain
    }
    const lambda = excess / slope
    let change = 0
    for (let k = 0; k < classes; k++) {
      const p = after[k]!
      const residual = scores[k]! - top + s * before[k]! - u[k]! - s * p - lambda
      u[k] = Math.min(u[k]! + Math.min(residual / (1 + s * p), 3), 0)
      after[k] = Math.exp(u[k]!)
      change = Math.max(change, Math.abs(after[k]! - p))
    }
    return change
  }
}
