import { add, mul, sub, type Value } from '@volant/graph'

/**
 * A scaled tensor. An update is a sum of these; scales stay apart as scalars until the end, so that a chain of transforms
 * costs few passes over the parameters.
 */
export interface Term {
  readonly scale: Value
  readonly tensor: Value
}

/** What a transform sees of one parameter while it appends its part to the training graph. */
export interface UpdateContext {
  readonly path: string
  readonly parameter: Value
  /** State tensor of the parameter's shape, zero at first, as it was before this step. */
  slot(name: string): Value
  setSlot(name: string, next: Value): void
  /** A number of `scalars` of this step. */
  scalar(name: string): Value
  /** The constant where the step's gradients are finite, else `otherwise`: how a spoiled step leaves all state as it was. */
  unlessSpoiled(value: number, otherwise: number): Value
}

/** One step of an optimiser: turns a sum of terms into another. An optimiser is a list of these. */
export interface Transform {
  readonly name: string
  /** State tensors it keeps for every parameter. */
  readonly slots: readonly string[]
  /** Patterns of parameter paths that it was given; each must match one of the model's. */
  readonly patterns?: readonly string[]
  /** Numbers that change with the step, which counts from 1. */
  readonly scalars?: (step: number) => Record<string, number>
  /** Part of a run's fingerprint: the settings that change the result. */
  readonly settings: Record<string, unknown>
  apply(terms: readonly Term[], context: UpdateContext): readonly Term[]
}

export type Optimiser = readonly Transform[]

/** The terms as one tensor. */
export function total(terms: readonly Term[]): Value {
  return terms.map(({ scale, tensor }) => mul(tensor, scale)).reduce(add)
}

/** parameter - sum of terms; terms of the parameter itself (weight decay) become one factor. */
export function descend(parameter: Value, terms: readonly Term[]): Value {
  const own = terms.filter(({ tensor }) => tensor === parameter)
  const kept = own.length === 0 ? parameter : mul(parameter, sub(1, own.map(({ scale }) => scale).reduce(add)))
  return terms
    .filter(({ tensor }) => tensor !== parameter)
    .reduce((value, { scale, tensor }) => sub(value, mul(tensor, scale)), kept)
}
