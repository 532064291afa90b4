import { Random } from '../random.js'
import { type HingeSolution, solveSquaredHinge } from './hinge.js'
import type { CsrMatrix } from './matrix.js'

/** Everything one column (class against the rest) needs; plain data that may lie in shared memory. */
export interface OneVsRest {
  readonly x: CsrMatrix
  readonly squares: Float64Array
  /** [rows] class index, -1 = row left out. */
  readonly labels: Int32Array
  readonly classes: number
  readonly C: number
  /** [classes] */
  readonly classWeights: Float64Array
  /** [rows] */
  readonly rowWeights: Float64Array
  readonly intercept: boolean
  readonly tolerance: number
  readonly maxIterations: number
  readonly seed: number
}

/** Two classes need one column only: class 1 against class 0. */
export function columnCount(classes: number): number {
  return classes === 2 ? 1 : classes
}

/**
 * Solves one column. As in LIBLINEAR, a class weight multiplies the cost of that class where it is the positive one; with two
 * classes both weights count. Every column has its own random stream, so columns may be solved in any order, anywhere.
 */
export function solveColumn(problem: OneVsRest, column: number): Generator<undefined, HingeSolution> {
  const { labels, classes, C, classWeights, rowWeights } = problem
  const positive = classes === 2 ? 1 : column
  const costs = Float64Array.from(rowWeights, (weight, i) => {
    const label = labels[i]!
    if (label < 0) return 0
    return C * weight * (label === positive || classes === 2 ? classWeights[label]! : 1)
  })
  const signs = Int8Array.from(labels, (label) => (label < 0 ? 0 : label === positive ? 1 : -1))
  return solveSquaredHinge({ ...problem, signs, costs, random: new Random(problem.seed, column) })
}

/** Puts a solved column into the model's [cols, outputs] weights. */
export function writeColumn(
  w: Float64Array,
  column: number,
  outputs: number,
  weights: Float32Array,
  bias: Float32Array,
) {
  const cols = w.length - 1
  for (let j = 0; j < cols; j++) weights[j * outputs + column] = w[j]!
  bias[column] = w[cols]!
}
