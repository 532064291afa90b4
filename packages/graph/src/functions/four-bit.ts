import type { Value } from '../graph.js'
import { apply } from './apply.js'
import { flattenRows } from './layers.js'
import { reshape } from './shape.js'

/** A matrix in 4-bit numbers, as `packFourBit` makes it. */
export interface FourBitMatrix {
  /** uint8 [outputs, blocks, 16] */
  readonly numbers: Value
  /** float32 [outputs, blocks] */
  readonly scales: Value
}

/** x @ w, where w is fixed and in 4-bit numbers. x [..., inputs] -> [..., outputs]; gradients flow to x alone. */
export function linearFourBit(x: Value, { numbers, scales }: FourBitMatrix, inputs: number): Value {
  const y = apply('linearFourBit', [flattenRows(x), numbers, scales], { inputs })
  return reshape(y, [...x.shape.slice(0, -1), y.shape[1]!])
}

/** dy @ wᵀ: dy [rows, outputs] -> [rows, inputs]. */
export const linearFourBitBack = (dy: Value, { numbers, scales }: FourBitMatrix, inputs: number): Value =>
  apply('linearFourBitBack', [dy, numbers, scales], { inputs })
