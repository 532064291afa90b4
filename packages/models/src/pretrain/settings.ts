import type { TrainEvent } from '@volant/nn'
import type { TrainingProgress } from '../tokenisers/train/settings.js'
import type { Corpus } from '../tokenisers/train/words.js'
import type { Sizes } from './families.js'

export interface PretrainSettings extends Partial<Sizes> {
  /** bert, roberta, electra, gpt2 or llama; default that of `base`. */
  readonly architecture?: string
  /** A model folder to go on from, with its sizes and tokeniser; default a new network. */
  readonly base?: string
  /** The texts to learn from; called for the tokeniser and again for the rows. */
  readonly texts: (architecture: string) => Corpus
  /** Texts to validate on; default every 20th row of the others, which is not learnt then. */
  readonly valid?: (architecture: string) => Corpus
  /** Tokens of a new tokeniser. Default 8000, or what the texts give if that is less. */
  readonly vocabulary?: number
  /** How long to train. Exactly one of the two. */
  readonly minutes?: number
  readonly steps?: number
  /** Rows of `context` tokens an update, default 32. */
  readonly batchSize?: number
  /** Of AdamW at its height, default 0.001, with a base 0.0002; it rises over the first tenth and falls along half a cosine. */
  readonly learningRate?: number
  /** Default 0: what is read a few times only is not learnt by heart. */
  readonly dropout?: number
  readonly seed: number
  readonly threads?: number
  /** A folder from which the same call goes on where it was stopped. */
  readonly state?: string
  readonly signal?: AbortSignal
  readonly onEvent?: (event: PretrainEvent) => void
}

export type PretrainEvent =
  | { readonly type: 'tokeniser'; readonly progress: TrainingProgress }
  | { readonly type: 'texts'; readonly done: number }
  /** Steps are being timed, to know how many the minutes have room for. */
  | { readonly type: 'timing' }
  | TrainEvent
