import type { GraphBuilder, Tensor, Value } from '@volant/graph'
import type { CsrMatrix } from '@volant/nn'

/**
 * One way to turn the cells of an input into numbers. `encode` makes the tensors that the model file takes, the same in
 * training and serving; `wide` offers sparse columns to the linear solver, `features` a dense vector to the combiner of a
 * network. `V` is the value a field reads from a cell, `S` the plain JSON learnt from the training rows.
 */
export interface Encoder<V = unknown, S = unknown> {
  readonly name: string
  /** Learns from the training rows; null = missing. */
  fit(values: readonly (V | null)[], settings: Readonly<Record<string, unknown>>): S
  /** The tensors of the model file this encoder reads, named `<field><suffix>`. */
  streams(state: S): readonly Stream[]
  /** Tensors by suffix, for the rows given. */
  encode(values: readonly (V | null)[], state: S): Record<string, Tensor>
  readonly wide?: Wide<V, S>
  readonly features?: Features<S>
}

export interface Stream {
  /** '' for a field with one tensor, else '.ids' or '.weights'. */
  readonly suffix: string
  readonly dtype: 'int64' | 'float32'
  /** Beyond the batch: symbolic or fixed. */
  readonly dims: readonly (string | number)[]
  readonly meaning: string
}

/** Sparse columns for the linear solver, and the same sum of weighted columns as graph ops. */
export interface Wide<V = unknown, S = unknown> {
  /** Number of columns. */
  width(state: S): number
  rows(values: readonly (V | null)[], state: S): CsrMatrix
  /** [batch, outputs] = rows x weight, of the streams by suffix and `weight` [width, outputs]. */
  scores(streams: Streams, weight: Value, state: S): Value
}

/** Dense features for a network: parameters are made on the builder under `scope`. */
export interface Features<S = unknown> {
  /** Names, shapes and first values of the parameters. */
  parameters(state: S, size: NetworkSize): readonly ParameterSpec[]
  /** [batch, width]. */
  forward(streams: Streams, context: NetworkContext, state: S, size: NetworkSize): Value
  width(state: S, size: NetworkSize): number
}

export type Streams = Readonly<Record<string, Value>>

export interface NetworkSize {
  readonly [setting: string]: number
}

export interface ParameterSpec {
  readonly name: string
  readonly shape: readonly number[]
  readonly initial: 'zeros' | 'ones' | { readonly uniform: number } | { readonly normal: number }
}

export interface NetworkContext {
  readonly builder: GraphBuilder
  /** The parameter of this encoder by name. */
  parameter(name: string): Value
  /** Dropout that is the identity outside training. */
  dropout(x: Value, probability: number): Value
}
