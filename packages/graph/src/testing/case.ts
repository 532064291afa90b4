import type { Shape } from '../dims.js'
import type { Value } from '../graph.js'
import type { NdArray } from './array.js'

/** One use of ops beside a reference that computes the same in naive float64 loops. */
export interface Case {
  name: string
  inputs: NdArray[]
  /** Declared shapes, where they have names in them. */
  shapes?: Shape[]
  /** Inputs whose gradient is checked: by default every float one, when the result is a float. */
  differentiate?: number[]
  build: (...x: Value[]) => Value
  reference: (...x: NdArray[]) => NdArray
  /** Largest error of a value or gradient, relative to 1 + its size. */
  tolerance?: number
}
