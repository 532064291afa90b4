import {
  add,
  binaryCrossEntropy,
  cast,
  crossEntropy,
  cumSum,
  equal,
  gather,
  greater,
  less,
  minimum,
  mul,
  not,
  reduceMean,
  reduceSum,
  softmax,
  stopGradient,
  unsqueeze,
  type Value,
  where,
} from '@volant/graph'
import { type Context, type Inputs, Module, type Random } from '@volant/nn'
import { BertNetwork, type BertOptions } from '../architectures/bert-network.js'
import { MaskedHead, ReplacedHead } from './heads.js'
import { maskedBatch, type RowFrame, statesAt } from './masked.js'
import { electraShares, type MaskTokens } from './masking.js'
import { idsOf, type Objective } from './objective.js'

/** How much the discriminator's loss counts beside the generator's, as in the paper. */
const discriminatorWeight = 50

/**
 * ELECTRA (Clark et al. 2020): a small generator puts likely words where some were masked, and the discriminator, the encoder that is
 * wanted, tells for each token whether it was put in. Both read with the same embeddings.
 */
export class ReplacedTokenModel extends Module {
  readonly encoder: BertNetwork
  readonly head: ReplacedHead
  readonly generator: BertNetwork
  readonly generatorHead: MaskedHead

  constructor(options: BertOptions) {
    super()
    const whole = { embedding: options.width, ...options, byRow: false }
    const small = quarter(whole)
    this.encoder = new BertNetwork(whole)
    this.head = new ReplacedHead(options)
    this.generator = new BertNetwork(small, this.encoder)
    this.generatorHead = new MaskedHead(small)
  }

  /** The generator's logits [A, vocabulary] at places [A] of the flattened masked ids [B, T]. */
  fill(context: Context, ids: Value, places: Value): Value {
    const states = statesAt(this.generator.apply(context, ids), places)
    return this.generatorHead.apply(context, states, this.encoder.words.table)
  }

  /** Logits [B, T] that the tokens [B, T] were put in. */
  protected forward(context: Context, ids: Value): Value {
    return this.head.apply(context, this.encoder.apply(context, ids))
  }
}

/** A quarter of the heads, at least one, of the same width each. */
function quarter(options: BertOptions): BertOptions {
  const heads = Math.max(1, Math.round(options.heads / 4))
  const width = (options.width / options.heads) * heads
  return { ...options, heads, width, hidden: Math.round((options.hidden * width) / options.width) }
}

const inputs = {
  ids: { dtype: 'int64', shape: ['B', 'T'] },
  whole: { dtype: 'int64', shape: ['B', 'T'] },
  chosen: { dtype: 'bool', shape: ['B', 'T'] },
  numbers: { dtype: 'int64', shape: ['B', 'T'] },
  places: { dtype: 'int64', shape: ['A'] },
  labels: { dtype: 'int64', shape: ['A'] },
  draws: { dtype: 'float32', shape: ['A'] },
} as const

/** Replaced-token detection; a row is framed as for `maskedObjective`. */
export function replacedObjective(model: ReplacedTokenModel, rows: RowFrame, tokens: MaskTokens): Objective {
  return {
    model,
    inputs,
    room: rows.length - 2,
    step: rows.length - 2,
    batch(texts, random) {
      const masked = maskedBatch(texts, rows, tokens, random, electraShares)
      return { ...masked, ...choices(masked.places.data, masked.ids.dims, random) }
    },
    loss: (context, given) => losses(model, context, given).loss,
    predict: (context, given) => losses(model, context, given),
  }
}

/** `chosen` [B, T] where a token was masked, and its place among these, `numbers` [B, T]; a random number for each, `draws` [A]. */
function choices(places: BigInt64Array, dims: number[], random: Random) {
  const chosen = new Uint8Array(dims[0]! * dims[1]!)
  const numbers = new Int32Array(chosen.length)
  places.forEach((place, number) => {
    chosen[Number(place)] = 1
    numbers[Number(place)] = number
  })
  return {
    chosen: { dtype: 'bool' as const, dims, data: chosen },
    numbers: idsOf(dims, numbers),
    draws: {
      dtype: 'float32' as const,
      dims: [places.length],
      data: Float32Array.from(places, () => random.uniform()),
    },
  }
}

function losses(model: ReplacedTokenModel, context: Context, given: Inputs) {
  const { ids, whole, chosen, numbers, places, labels, draws } = given as Record<keyof typeof inputs, Value>
  const logits = model.fill(context, ids, places)
  const generator = crossEntropy(logits, labels)
  const shown = where(chosen, gather(sampled(logits, draws), numbers), whole)
  const isReplaced = not(equal(shown, whole))
  const doubts = model.apply(context, shown)
  const discriminator = binaryCrossEntropy(doubts, cast(isReplaced, 'float32'))
  const isRight = equal(cast(greater(doubts, 0), 'int64'), cast(isReplaced, 'int64'))
  return {
    loss: add(generator, mul(discriminator, discriminatorWeight)),
    generator,
    discriminator,
    accuracy: reduceMean(cast(isRight, 'float32')),
  }
}

/** An int64 id [A] for each row of logits [A, V], drawn by numbers [A] in [0, 1): how many ids there are before it. */
export function sampled(logits: Value, draws: Value): Value {
  const before = cumSum(softmax(stopGradient(logits)), 1)
  const count = reduceSum(cast(less(before, unsqueeze(draws, 1)), 'float32'), 1)
  // What float32 rounds away may leave the sum below the number drawn.
  return cast(minimum(count, Number(logits.shape[1]) - 1), 'int64')
}
