import type { Dim, Shape } from './dims.js'
import type { DType, Tensor } from './tensor.js'

export interface ValueInfo {
  readonly dtype: DType
  readonly shape: Shape
}

type Attribute = number | string | boolean | readonly Dim[] | undefined
export type Attributes = Readonly<Record<string, Attribute>>

/** One application of an op of the table. Values are indices into `Graph.values`. */
export interface Node {
  readonly op: string
  readonly inputs: readonly number[]
  readonly outputs: readonly number[]
  readonly attributes: Attributes
  /** Where in the model, e.g. `encoder.layers.3.attention`. */
  readonly path: string
}

/** A computation as plain data: nodes in an order in which they can run. Never changed; a pass returns a new graph. */
export interface Graph {
  readonly name: string
  readonly values: readonly ValueInfo[]
  /** Fed at each run. */
  readonly inputs: readonly { name: string; value: number }[]
  /** Resident state, named by its path in the model. */
  readonly parameters: readonly { path: string; value: number; trainable: boolean }[]
  readonly constants: readonly { value: number; tensor: Tensor }[]
  readonly nodes: readonly Node[]
  readonly outputs: readonly { name: string; value: number }[]
}

/** A value while a graph is being built. */
export interface Value extends ValueInfo {
  readonly id: number
  readonly builder: Builder
}

/** What the op functions need of a builder. */
export interface Builder {
  append(op: string, inputs: readonly Value[], attributes?: Attributes): Value[]
  constant(data: number | readonly number[] | Tensor['data'], options?: ConstantOptions): Value
  /** The module path of what is being appended. */
  readonly path: string
}

export interface ConstantOptions {
  dtype?: DType
  shape?: readonly number[]
}
