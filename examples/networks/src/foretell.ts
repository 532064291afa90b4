import { add, crossEntropy, mul, reshape, slice, type Tensor, type Value } from '@volant/graph'
import { adamW, type Context, cosine, Linear, Module, type Tagger, walk, warmUp } from '@volant/nn'
import { padded } from './data/vocabulary.js'
import type { Options } from './options.js'
import { trainUntilStopped } from './training.js'

/**
 * The forward half of a tagger's BiLSTM foretells the next token, the backward half the one before (Peters et al. 2017,
 * "Semi-supervised sequence tagging with bidirectional language models").
 */
class Foretelling extends Module<[ids: Value, targets: { next: Value; before: Value }]> {
  readonly tokens
  readonly lstm
  readonly next: Linear
  readonly before: Linear

  constructor(tagger: Tagger, vocabulary: number) {
    super()
    const [table] = tagger.tables
    this.tokens = table!
    this.lstm = tagger.lstm
    const half = tagger.lstm.width / 2
    this.next = new Linear(half, vocabulary)
    this.before = new Linear(half, vocabulary)
  }

  protected forward(context: Context, ids: Value, { next, before }: { next: Value; before: Value }): Value {
    const { y } = this.lstm.apply(context, this.tokens.apply(context, ids))
    const half = Number(y.shape[2]) / 2
    const loss = (head: Linear, from: number, targets: Value) => {
      const logits = head.apply(context, slice(y, { axis: 2, start: from, end: from + half }))
      return crossEntropy(reshape(logits, [-1, logits.shape[2]!]), reshape(targets, [-1]))
    }
    return mul(add(loss(this.next, 0, next), loss(this.before, half, before)), 0.5)
  }
}

/** What the tagger begins with, by its paths. */
interface Pretrained {
  readonly weights: Map<string, Tensor>
  /** See `Trained`. */
  readonly from: number
}

/**
 * Trains on rows of ids. Keeps its state beside the checkpoint of the tagger, in a file that ends in `.pretraining`. Undefined when
 * stopped, see `trainUntilStopped`.
 */
export async function pretrain(
  tagger: Tagger,
  rows: readonly number[][],
  vocabulary: number,
  options: Options,
): Promise<Pretrained | undefined> {
  const model = new Foretelling(tagger, vocabulary)
  const ids = { dtype: 'int64', shape: ['B', 'T'] } as const
  const { checkpoint } = options
  const trained = await trainUntilStopped(
    {
      model,
      inputs: { ids, next: ids, before: ids },
      loss: (context, { ids, next, before }) => model.apply(context, ids!, { next: next!, before: before! }),
      data: {
        rows: rows.length,
        length: (row) => rows[row]!.length,
        batch: (some) => {
          const texts = Array.from(some, (row) => rows[row]!)
          return {
            ids: padded(texts),
            // Unknown tokens and what lies past the end are not foretold.
            next: padded(
              texts.map((text) => targets([...text.slice(1), 0])),
              masked,
            ),
            before: padded(
              texts.map((text) => targets([0, ...text.slice(0, -1)])),
              masked,
            ),
          }
        },
      },
      batchSize: 64,
      epochs: 1,
      optimiser: adamW({ weightDecay: 0.01 }),
      schedule: warmUp(0.05, cosine(0.003)),
      clip: 1,
    },
    { ...options, checkpoint: checkpoint && `${checkpoint}.pretraining` },
  )
  if (!trained) return undefined
  const paths = walk(model).parameters
  const weights = new Map(
    [...walk(tagger).parameters].flatMap(([parameter, path]) => {
      const tensor = paths.has(parameter) && trained.parameters.get(paths.get(parameter)!)
      return tensor ? [[path, tensor]] : []
    }),
  )
  return { weights, from: trained.from }
}

const masked = -1
const targets = (ids: readonly number[]) => ids.map((id) => (id < 2 ? masked : id))
