import type { Evaluate } from './metric.js'
import { meanOf } from './metric.js'
import type { NumberOutcomes } from './outcomes.js'

function errors({ rows, targets, predictions }: NumberOutcomes, size: (error: number) => number): Float64Array {
  const error = new Float64Array(rows)
  for (let row = 0; row < rows; row++) error[row] = size(predictions[row]! - targets[row]!)
  return error
}

const squared = (outcomes: NumberOutcomes) => errors(outcomes, (e) => e * e)

/** Mean squared error, in squared units of the target. */
export const mse = (outcomes: NumberOutcomes): Evaluate => meanOf(squared(outcomes))

/** Mean absolute error, in units of the target. */
export const mae = (outcomes: NumberOutcomes): Evaluate => meanOf(errors(outcomes, Math.abs))

/** Root of the mean squared error, in units of the target. */
export function rmse(outcomes: NumberOutcomes): Evaluate {
  const meanSquare = mse(outcomes)
  return (counts) => Math.sqrt(meanSquare(counts))
}

/** Coefficient of determination 1 - sum (y - f)^2 / sum (y - mean y)^2; NaN when the targets do not vary. */
export function r2(outcomes: NumberOutcomes): Evaluate {
  const { rows, targets } = outcomes
  const residual = squared(outcomes)
  const centre = targets.reduce((sum, y) => sum + y, 0) / rows
  return (counts) => {
    let total = 0
    let lost = 0
    let sum = 0
    let sumOfSquares = 0
    for (let row = 0; row < rows; row++) {
      const count = counts[row]!
      const y = targets[row]! - centre
      total += count
      lost += count * residual[row]!
      sum += count * y
      sumOfSquares += count * y * y
    }
    const spread = sumOfSquares - (sum * sum) / total
    return spread > 0 ? 1 - lost / spread : Number.NaN
  }
}
