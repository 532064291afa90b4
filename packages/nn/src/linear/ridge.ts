import { NnError } from '../errors.js'
import { type Cooperation, cooperate } from './cooperate.js'
import { type CsrMatrix, checkMatrix, type LinearModel } from './matrix.js'
import { type Convergence, weightsOf } from './settings.js'

export interface RidgeSettings extends Cooperation {
  /** Weight of the squared errors against the L2 penalty, > 0; scikit-learn's Ridge(alpha) is C = 1 / alpha. */
  readonly C: number
  /** [rows], default all 1; 0 leaves the row out. */
  readonly rowWeights?: ArrayLike<number>
  readonly intercept?: boolean
  readonly tolerance?: number
  readonly maxIterations?: number
}

/**
 * Ridge regression: minimises  |w|^2 + C sum_i weight_i (w·x_i + b - target_i)^2, the bias b not penalised. A target of NaN
 * leaves its row out. Conjugate gradients on the normal equations with Jacobi preconditioning (Golub and Van Loan, "Matrix
 * Computations", 11.5); stops when the preconditioned residual has fallen by `tolerance` (default 1e-5), at most
 * `maxIterations` (default 1000). Throws NnError `bad-matrix` or `bad-settings`, or the signal's reason.
 */
export async function trainRidge(
  x: CsrMatrix,
  targets: Float64Array,
  settings: RidgeSettings,
): Promise<LinearModel & Convergence> {
  checkMatrix(x)
  const { C } = settings
  const refuse = (message: string) => {
    throw new NnError('bad-settings', `Ridge regression: ${message}`, { C, rows: x.rows, targets: targets.length })
  }
  if (!(C > 0 && Number.isFinite(C))) refuse(`C is ${C}, expected a number above 0`)
  if (targets.length !== x.rows) refuse(`there are ${targets.length} targets for ${x.rows} rows`)
  const costs = weightsOf('rowWeights', settings.rowWeights, x.rows).map((weight, i) => {
    if (Number.isNaN(targets[i]!)) return 0
    if (!Number.isFinite(targets[i]!)) refuse(`target of row ${i} is ${targets[i]}`)
    return C * weight
  })
  if (!costs.some((cost) => cost > 0)) refuse('no row has a target and a weight above 0')
  return cooperate(solveRidge(x, targets, costs, settings), settings)
}

function* solveRidge(
  x: CsrMatrix,
  targets: Float64Array,
  costs: Float64Array,
  settings: RidgeSettings,
): Generator<number, LinearModel & Convergence> {
  const { intercept = true, tolerance = 1e-5, maxIterations = 1000 } = settings
  const normal = new NormalEquations(x, costs, intercept)
  const { size } = normal
  // Targets are centred so that a large mean does not dominate the stopping rule; the mean returns in the bias.
  const centre = intercept ? weightedMean(targets, costs) : 0
  const solution = new Float64Array(size)
  const residual = normal.transposed(
    Float64Array.from(targets, (y, i) => (costs[i]! > 0 ? costs[i]! * (y - centre) : 0)),
  )
  const scaled = residual.map((r, j) => r / normal.diagonal[j]!)
  const direction = scaled.slice()
  let power = dot(residual, scaled)
  const start = power
  let iteration = 0
  while (iteration < maxIterations && power > tolerance * tolerance * start) {
    iteration++
    const image = normal.times(direction)
    const length = power / dot(direction, image)
    for (let j = 0; j < size; j++) {
      solution[j]! += length * direction[j]!
      residual[j]! -= length * image[j]!
      scaled[j] = residual[j]! / normal.diagonal[j]!
    }
    const next = dot(residual, scaled)
    const turn = next / power
    for (let j = 0; j < size; j++) direction[j] = scaled[j]! + turn * direction[j]!
    power = next
    yield Math.min(1, Math.log(power / start + 1e-300) / (2 * Math.log(tolerance)))
  }
  return {
    weights: Float32Array.from(solution.subarray(0, x.cols)),
    bias: Float32Array.of(solution[x.cols]! + centre),
    outputs: 1,
    iterations: iteration,
    converged: power <= tolerance * tolerance * start,
  }
}

/** A = X^T D X + I over the weights, with one unpenalised row and column for the bias; never formed. */
class NormalEquations {
  readonly size: number
  readonly diagonal: Float64Array

  constructor(
    readonly x: CsrMatrix,
    readonly costs: Float64Array,
    readonly intercept: boolean,
  ) {
    this.size = x.cols + 1
    this.diagonal = new Float64Array(this.size).fill(1)
    if (intercept) this.diagonal[x.cols] = costs.reduce((sum, cost) => sum + cost, 0)
    for (let i = 0; i < x.rows; i++)
      for (let at = x.indptr[i]!; at < x.indptr[i + 1]!; at++)
        this.diagonal[x.indices[at]!]! += costs[i]! * x.values[at]! ** 2
  }

  times(v: Float64Array): Float64Array {
    const { x, costs } = this
    const { indptr, indices, values } = x
    const weighted = new Float64Array(x.rows)
    for (let i = 0; i < x.rows; i++) {
      let sum = v[x.cols]!
      for (let at = indptr[i]!; at < indptr[i + 1]!; at++) sum += values[at]! * v[indices[at]!]!
      weighted[i] = costs[i]! * sum
    }
    const image = this.transposed(weighted)
    for (let j = 0; j < x.cols; j++) image[j]! += v[j]!
    return image
  }

  /** [X 1]^T v, the last entry 0 without an intercept. */
  transposed(v: Float64Array): Float64Array {
    const { indptr, indices, values, rows, cols } = this.x
    const result = new Float64Array(this.size)
    for (let i = 0; i < rows; i++) {
      const factor = v[i]!
      for (let at = indptr[i]!; at < indptr[i + 1]!; at++) result[indices[at]!]! += values[at]! * factor
      if (this.intercept) result[cols]! += factor
    }
    return result
  }
}

function weightedMean(targets: Float64Array, costs: Float64Array): number {
  let sum = 0
  let weight = 0
  for (let i = 0; i < targets.length; i++) {
    if (!(costs[i]! > 0)) continue
    sum += costs[i]! * targets[i]!
    weight += costs[i]!
  }
  return sum / weight
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0
  for (let j = 0; j < a.length; j++) sum += a[j]! * b[j]!
  return sum
}
