import { crossEntropy, gather, reshape, type Value } from '@volant/graph'
import { type Context, Module, type Random } from '@volant/nn'
import { BertNetwork, type BertOptions } from '../architectures/bert-network.js'
import { MaskedHead } from './heads.js'
import { type MaskShares, type MaskTokens, maskWords } from './masking.js'
import { idsOf, type Objective } from './objective.js'
import type { TokenIds } from './rows.js'

/** An encoder and its language modelling head. */
export class MaskedLanguageModel extends Module<[ids: Value, places: Value]> {
  readonly encoder: BertNetwork
  readonly head: MaskedHead

  constructor(options: BertOptions) {
    super()
    this.encoder = new BertNetwork({ ...options, byRow: false })
    this.head = new MaskedHead(options)
  }

  /** Logits [A, vocabulary] at places [A] of the flattened ids [B, T]. */
  protected forward(context: Context, ids: Value, places: Value): Value {
    return this.head.apply(context, statesAt(this.encoder.apply(context, ids), places), this.encoder.words.table)
  }
}

/** The rows of states [B, T, width] at places [A] of B·T. */
export const statesAt = (states: Value, places: Value): Value => gather(reshape(states, [-1, states.shape[2]!]), places)

const inputs = {
  ids: { dtype: 'int64', shape: ['B', 'T'] },
  places: { dtype: 'int64', shape: ['A'] },
  labels: { dtype: 'int64', shape: ['A'] },
} as const

/**
 * Masked language modelling (Devlin et al. 2019) with whole words (`maskWords`): the loss is of the chosen places only, and logits
 * are computed nowhere else. A row is the first token of texts, as many tokens as there is room for, and the last.
 */
export function maskedObjective(model: MaskedLanguageModel, rows: RowFrame, tokens: MaskTokens): Objective {
  const loss = (context: Context, { ids, places, labels }: Readonly<Record<string, Value>>) =>
    crossEntropy(model.apply(context, ids!, places!), labels!)
  return {
    model,
    inputs,
    room: rows.length - 2,
    step: rows.length - 2,
    batch(texts, random) {
      const { ids, places, labels } = maskedBatch(texts, rows, tokens, random)
      return { ids, places, labels }
    },
    loss,
    predict: (context, given) => ({ loss: loss(context, given) }),
  }
}

/** How rows are made of pieces of texts. */
export interface RowFrame {
  /** Tokens of a row with its first and last. */
  readonly length: number
  readonly first: number
  readonly last: number
}

/**
 * Rows with masked words: `ids` [B, T], `places` [A] of the masked tokens in the flattened rows and what they were, `labels` [A];
 * besides the rows as they were, `whole` [B, T].
 */
export function maskedBatch(
  texts: readonly TokenIds[],
  { length, first, last }: RowFrame,
  tokens: MaskTokens,
  random: Random,
  shares?: MaskShares,
) {
  const dims = [texts.length, length]
  const [whole, ids] = [new Int32Array(texts.length * length), new Int32Array(texts.length * length)]
  const places: number[] = []
  texts.forEach((text, row) => {
    const own = Int32Array.from([first, ...text, last])
    const masked = maskWords(own, tokens, random, shares)
    whole.set(own, row * length)
    ids.set(masked.ids, row * length)
    for (const place of masked.places) places.push(row * length + place)
  })
  return {
    whole: idsOf(dims, whole),
    ids: idsOf(dims, ids),
    places: idsOf([places.length], places),
    labels: idsOf(
      [places.length],
      places.map((place) => whole[place]!),
    ),
  }
}
