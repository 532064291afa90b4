import type { Tensor, Value } from '@volant/graph'
import type { EncoderDescription } from '@volant/models'
import { type CsrMatrix, Module } from '@volant/nn'

/**
 * One way to turn the cells of an input into numbers. `encode` makes the tensors that the model file takes, the same in
 * training and serving; `wide` offers sparse columns to the linear solver, `features` a dense vector to the combiner of a
 * network. `V` is the value a field reads from a cell, `S` the plain JSON learnt from the training rows.
 */
export interface Encoder<V = unknown, S = unknown> {
  readonly name: string
  /** Learns from the training rows; null = missing. `base` is the pretrained encoder of `train.base`, where there is one. */
  fit(values: readonly (V | null)[], settings: Readonly<Record<string, unknown>>, base?: EncoderDescription): S
  /** The tensors of the model file this encoder reads, named `<field><suffix>`. */
  streams(state: S): readonly Stream[]
  /** The encoded cells, the same in training and serving. */
  encode(values: readonly (V | null)[], state: S): EncodedColumn
  readonly wide?: Wide<V, S>
  readonly features?: Features<S>
}

/** A column turned into numbers: tensors by suffix for any of its rows. */
export interface EncodedColumn {
  readonly rows: number
  /** Entries of a row, where rows differ: batches then hold rows of like length. */
  readonly length?: (row: number) => number
  /** Fresh tensors for the given rows, all by default. */
  tensors(rows?: Int32Array): Record<string, Tensor>
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
interface Wide<V = unknown, S = unknown> {
  /** Number of columns. */
  width(state: S): number
  rows(values: readonly (V | null)[], state: S): CsrMatrix
  /** [batch, outputs] = rows x weight, of the streams by suffix and `weight` [width, outputs]. */
  scores(streams: Streams, weight: Value, state: S): Value
  /** The same for several inputs in a number of nodes that does not grow with them; `weight` has their rows in order. */
  scoresTogether?(inputs: readonly EncodedInput<S>[], weight: Value): Value
}

/** The tensors of one input and what its encoder learnt. */
export interface EncodedInput<S = unknown> {
  readonly streams: Streams
  readonly state: S
}

/** Dense features for a network. */
interface Features<S = unknown> {
  layer(state: S, settings: LayerSettings): FeatureLayer
  /** Where in the layer the weights of the pretrained encoder belong. */
  readonly pretrained?: string
}

/** Sizes and rates of a recipe, by name. */
export type LayerSettings = Readonly<Record<string, number | readonly number[]>>

/** A layer from the tensors of an encoder to [batch, width]. */
export abstract class FeatureLayer extends Module<[streams: Streams]> {
  abstract readonly width: number
  /** Multiply-adds of a forward pass per entry of an encoded row (or what costs as much), for counting work. */
  abstract readonly work: number
}

export type Streams = Readonly<Record<string, Value>>
