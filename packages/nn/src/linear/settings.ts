import { NnError } from '../errors.js'
import type { Cooperation } from './cooperate.js'
import { type CsrMatrix, checkMatrix } from './matrix.js'

/** Settings shared by the linear classifiers. */
export interface LinearSettings extends Cooperation {
  /** Number of classes, at least 2. */
  readonly classes: number
  /** Weight of the loss against the L2 penalty, > 0 (as in LIBLINEAR and scikit-learn). */
  readonly C: number
  /** [classes], default all 1. */
  readonly classWeights?: ArrayLike<number>
  /** [rows], default all 1; 0 leaves the row out. */
  readonly rowWeights?: ArrayLike<number>
  /** Add a constant feature of value 1 whose weight is the bias and is regularised like the others. Default true. */
  readonly intercept?: boolean
  readonly tolerance?: number
  readonly maxIterations?: number
  readonly seed?: number
}

/** What came of a training: the model, the sweeps made (the largest over columns), and whether the tolerance was reached. */
export interface Convergence {
  readonly iterations: number
  readonly converged: boolean
}

/** Refuses settings that do not fit the data and returns the weights as full arrays. */
export function checkSettings(x: CsrMatrix, labels: Int32Array, settings: LinearSettings) {
  checkMatrix(x)
  const { classes, C } = settings
  const refuse = (message: string) => {
    throw new NnError('bad-settings', `Linear solver: ${message}`, { classes, C, rows: x.rows, labels: labels.length })
  }
  if (!Number.isInteger(classes) || classes < 2) refuse(`classes is ${classes}, expected an integer of at least 2`)
  if (!(C > 0 && Number.isFinite(C))) refuse(`C is ${C}, expected a number above 0`)
  if (labels.length !== x.rows) refuse(`there are ${labels.length} labels for ${x.rows} rows`)
  const counts = new Int32Array(classes)
  labels.forEach((label, i) => {
    if (label >= classes || label < -1) refuse(`label of row ${i} is ${label}, expected -1 … ${classes - 1}`)
    if (label >= 0) counts[label]!++
  })
  if (counts.filter((count) => count > 0).length < 2) refuse('the labels name fewer than two classes')
  return {
    classWeights: weightsOf('classWeights', settings.classWeights, classes),
    rowWeights: weightsOf('rowWeights', settings.rowWeights, x.rows),
  }
}

/** Copies optional weights; all must be finite and >= 0. */
export function weightsOf(name: string, weights: ArrayLike<number> | undefined, count: number): Float64Array {
  if (!weights) return new Float64Array(count).fill(1)
  if (weights.length !== count)
    throw new NnError('bad-settings', `Linear solver: ${name} has ${weights.length} entries, expected ${count}`, {
      name,
    })
  return Float64Array.from(weights, (weight, i) => {
    if (weight >= 0 && Number.isFinite(weight)) return weight
    throw new NnError('bad-settings', `Linear solver: ${name}[${i}] is ${weight}, expected a number of at least 0`, {
      name,
    })
  })
}
