import type { Value } from '@volant/graph'
import type { Batch, Context, Inputs, InputType, Module, Random } from '@volant/nn'
import type { TokenIds } from './rows.js'

/** What a network is pre-trained to do. */
export interface Objective {
  readonly model: Module<never[], unknown>
  readonly inputs: Readonly<Record<string, InputType>>
  /** Tokens of a row that a batch is made of, and from one row to the next. */
  readonly room: number
  readonly step: number
  batch(rows: readonly TokenIds[], random: Random): Batch
  loss(context: Context, inputs: Inputs): Value
  /** Scalars that a validation tells, `loss` among them: means over the `labels` of a batch. */
  predict(context: Context, inputs: Inputs): Readonly<Record<string, Value>> & { readonly loss: Value }
}

/** int64 */
export const idsOf = (dims: readonly number[], ids: ArrayLike<number>) => ({
  dtype: 'int64' as const,
  dims: [...dims],
  data: BigInt64Array.from(ids as ArrayLike<never>, BigInt),
})
