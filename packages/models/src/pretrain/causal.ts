import { type Context, type GPT, type Inputs, nextTokenLoss } from '@volant/nn'
import { idsOf, type Objective } from './objective.js'

const inputs = {
  ids: { dtype: 'int64', shape: ['B', 'T'] },
  labels: { dtype: 'int64', shape: ['B', 'T'] },
} as const

/** Causal language modelling (Radford et al. 2019): the loss of the next token at each of `length` places of a row. */
export function causalObjective(model: GPT, length: number): Objective {
  const loss = (context: Context, { ids, labels }: Inputs) => nextTokenLoss(model.apply(context, ids!), labels!)
  return {
    model,
    inputs,
    room: length + 1,
    step: length,
    batch(rows) {
      const dims = [rows.length, length]
      return {
        ids: idsOf(
          dims,
          rows.flatMap((row) => Array.from(row.subarray(0, -1))),
        ),
        labels: idsOf(
          dims,
          rows.flatMap((row) => Array.from(row.subarray(1))),
        ),
      }
    },
    loss,
    predict: (context, given) => ({ loss: loss(context, given) }),
  }
}
