/** Arrays of numbers in any storage: plain arrays, Float32Array, Float64Array … */
export type Numbers = ArrayLike<number>

/** What a model said about rows with a known class. Made by `classOutcomes`. */
export interface ClassOutcomes {
  readonly kind: 'classes'
  readonly rows: number
  readonly classes: number
  /** True class per row, 0 … classes-1. */
  readonly labels: Int32Array
  /** Class the model answers per row: the most probable one. */
  readonly predicted: Int32Array
  /** [rows, classes] row-major; each row sums to 1. */
  readonly probabilities: Float64Array
  /** Positive class of a two-class output, else null. */
  readonly positive: number | null
}

/** What a model said about rows with a known number. Made by `numberOutcomes`. */
export interface NumberOutcomes {
  readonly kind: 'numbers'
  readonly rows: number
  readonly targets: Float64Array
  readonly predictions: Float64Array
}

export type Outcomes = ClassOutcomes | NumberOutcomes

/**
 * Pairs true classes with predicted probabilities. Rows whose label is -1 (missing) are left out.
 *
 * @param labels true class per row, 0 … classes-1, or -1 where it is missing
 * @param probabilities [rows, classes] row-major, each row summing to 1
 * @param positive positive class of a two-class output (default 1); ignored for more classes
 * @throws RangeError when the lengths do not fit or a label is out of range
 */
export function classOutcomes(labels: Numbers, probabilities: Numbers, classes: number, positive = 1): ClassOutcomes {
  if (probabilities.length !== labels.length * classes)
    throw new RangeError(
      `Outcomes: expected ${labels.length} x ${classes} probabilities, found ${probabilities.length} numbers`,
    )
  const known: number[] = []
  for (let row = 0; row < labels.length; row++) {
    const label = labels[row]!
    if (!Number.isInteger(label) || label < -1 || label >= classes)
      throw new RangeError(`Outcomes: expected classes from 0 to ${classes - 1} (or -1), found ${label} in row ${row}`)
    if (label >= 0) known.push(row)
  }
  const rows = known.length
  const kept = new Float64Array(rows * classes)
  const predicted = new Int32Array(rows)
  for (let row = 0; row < rows; row++) {
    const from = known[row]! * classes
    let best = 0
    for (let c = 0; c < classes; c++) {
      kept[row * classes + c] = probabilities[from + c]!
      if (probabilities[from + c]! > probabilities[from + best]!) best = c
    }
    predicted[row] = best
  }
  return {
    kind: 'classes',
    rows,
    classes,
    labels: Int32Array.from(known, (row) => labels[row]!),
    predicted,
    probabilities: kept,
    positive: classes === 2 ? positive : null,
  }
}

/**
 * Pairs true numbers with predicted ones. Rows whose target is NaN (missing) are left out.
 *
 * @throws RangeError when the lengths differ
 */
export function numberOutcomes(targets: Numbers, predictions: Numbers): NumberOutcomes {
  if (targets.length !== predictions.length)
    throw new RangeError(`Outcomes: expected ${targets.length} predictions, found ${predictions.length}`)
  const known: number[] = []
  for (let row = 0; row < targets.length; row++) if (!Number.isNaN(targets[row]!)) known.push(row)
  return {
    kind: 'numbers',
    rows: known.length,
    targets: Float64Array.from(known, (row) => targets[row]!),
    predictions: Float64Array.from(known, (row) => predictions[row]!),
  }
}

/** Probability of the answered class, per row. */
export function confidences({ rows, classes, predicted, probabilities }: ClassOutcomes): Float64Array {
  const confidence = new Float64Array(rows)
  for (let row = 0; row < rows; row++) confidence[row] = probabilities[row * classes + predicted[row]!]!
  return confidence
}
