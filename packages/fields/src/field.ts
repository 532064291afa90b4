import type { Cell } from '@volant/data'
import type { z } from 'zod'
import type { Decoder } from './decoders/decoder.js'
import type { Encoder } from './encoders/encoder.js'
import type { MetricName } from './metrics/index.js'

/** One row of the registry: all that shared code may ask of a type of field. */
export interface FieldType {
  readonly name: string
  readonly input?: InputType
  readonly output?: OutputType
}

export interface InputType<V = unknown, Settings = Readonly<Record<string, unknown>>> {
  readonly settings: z.ZodType
  /** The value of a cell, null when it is missing. Throws UnreadableCell. */
  read(cell: Cell | undefined, settings: Settings): V | null
  /** All encoders by name. */
  readonly encoders: Readonly<Record<string, Encoder<V>>>
  /** The encoder that offers columns to the linear model. */
  readonly wide: string
  /** The encoder that starts from a pretrained model, of types that have one. */
  readonly pretrained?: string
  /** The encoder that offers features to the network of this name. */
  features(network: string): string
  /** Whether a network over inputs of this type depends on which encoder is asked for. */
  readonly choosesNetwork: boolean
}

export interface OutputType<
  L = unknown,
  S extends OutputState = OutputState,
  Settings = Readonly<Record<string, unknown>>,
> {
  readonly settings: z.ZodType
  readonly primary: MetricName
  readonly task: 'classification' | 'regression'
  /** The label of a cell, null when it is missing. Throws UnreadableCell. */
  read(cell: Cell | undefined, settings: Settings): L | null
  /** Learns the classes or the scale; `column` is for messages. Throws VolantError where nothing can be learnt. */
  fit(labels: readonly (L | null)[], settings: Settings, column: string): S
  /** The label as the number the decoder trains on: a class index (-1 = missing or unknown) or the value (NaN = missing). */
  target(label: L | null, state: S): number
  /** The answer as users see it. */
  value(answer: number, state: S): string | number | boolean
  readonly decoder: Decoder<S>
}

/** What was learnt of an output: plain JSON. */
export interface OutputState {
  /** Classes in the order of the probabilities; absent for numbers. */
  readonly classes?: readonly string[]
  /** Index of the positive class where there are two. */
  readonly positive?: number
}

/** A cell that cannot be read as its field's type. */
export class UnreadableCell extends Error {
  constructor(
    readonly expected: string,
    readonly found: Cell | undefined,
  ) {
    super(`expected ${expected}, found ${shown(found)}`)
    this.name = 'UnreadableCell'
  }
}

function shown(cell: unknown): string {
  const text = JSON.stringify(cell) ?? 'nothing'
  return text.length > 80 ? `${text.slice(0, 77)}…` : text
}
