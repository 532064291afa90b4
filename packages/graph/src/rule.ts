import type { Attributes, Value, ValueInfo } from './graph.js'
import type { Emitter } from './onnx/emitter.js'

/** Reports a wrong use of the op; the builder adds the op's name, the module path and the input shapes. */
export class RuleViolation extends Error {}

/** @public The table's declarations name it. */
export interface ShapeContext<A> {
  x: readonly ValueInfo[]
  attributes: A
}

/** @public The table's declarations name it. */
export interface GradContext<A> {
  /** Gradient of the loss for each output; the walk guarantees the first, unless the op has several real outputs. */
  dys: readonly (Value | undefined)[]
  /** `dys[0]`. */
  dy: Value
  ys: readonly Value[]
  /** `ys[0]`. */
  y: Value
  attributes: A
}

/** @public The table's declarations name it. */
export interface AgainContext<A> {
  ys: readonly Value[]
  /** Which inputs a gradient is wanted for. */
  needs: readonly boolean[]
  attributes: A
}

export interface LowerContext<A> {
  /** ONNX names of the inputs. */
  names: readonly string[]
  x: readonly ValueInfo[]
  y: readonly ValueInfo[]
  attributes: A
  emit: Emitter
  /** Which outputs something reads; the others need not be produced. */
  used: readonly boolean[]
}

/** "No gradient flows here": said, not forgotten. */
export const none = 'none'

/** Gradient for each input, in order; null where none flows. May have a shape the input was broadcast to. */
type GradRule<A> = (context: GradContext<A>, ...x: Value[]) => (Value | null)[]

/** The first output; undefined where `grad` would not read all that it takes. */
type AgainRule<A> = (context: AgainContext<A>, ...x: Value[]) => Value | undefined

/** All we know of an op. */
export interface OpRule<A = Attributes> {
  /** Dtypes and shapes of the outputs; throws RuleViolation. */
  shape: (context: ShapeContext<A>) => ValueInfo[]
  grad: GradRule<A> | typeof none
  /** Emits ONNX nodes and returns the names of the outputs. */
  lower: (context: LowerContext<A>) => string[]
  /** Outputs from this index on are kept for the backward pass only; no gradient is defined through them (0: through none). */
  saved?: number
  /**
   * Makes the first output again from what `grad` reads anyway, in a few cheap operations, so that it is not kept for the backward
   * pass; see rematerialisation.ts. No operation may equal one of `lower`, or the two would be shared and the result kept.
   */
  again?: AgainRule<A>
}

export type OpTable = Readonly<Record<string, OpRule>>

/** A row with typed attributes. The table forgets their type; the op functions are the only ones that write them. */
export const row = <A = Attributes>(rule: OpRule<A>): OpRule => rule as unknown as OpRule
