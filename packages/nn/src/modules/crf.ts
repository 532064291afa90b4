import { add, type ChainWeights, cast, crfLoss, reduceSum, type Value } from '@volant/graph'
import type { LegalMoves } from '../sequences/tags.js'
import type { Context } from './context.js'
import { uniform } from './initialisers.js'
import { Module } from './module.js'
import { Parameter } from './tree.js'

/** Score of what may not follow; small enough to be chosen never, large enough to add to other scores. */
const forbidden = -1e4

/**
 * A linear-chain conditional random field over tags (Lafferty, McCallum, Pereira 2001; as the last layer of a tagger: Huang, Xu,
 * Yu 2015): emissions [B, T, tags], the right tags int64 [B, T], mask bool [B, T] (true = real, first in each row) -> the mean
 * over rows of the negative log-likelihood. Moves that are not legal get a score that excludes them, in training and after.
 */
export class CRF extends Module<[emissions: Value, tags: Value, mask: Value]> {
  readonly transitions: Parameter
  readonly start: Parameter
  readonly end: Parameter
  readonly #penalties: { readonly transitions: Float32Array; readonly start: Float32Array; readonly end: Float32Array }

  constructor(
    readonly tags: number,
    legal?: LegalMoves,
  ) {
    super()
    this.transitions = new Parameter([tags, tags], uniform(0.1))
    this.start = new Parameter([tags], uniform(0.1))
    this.end = new Parameter([tags], uniform(0.1))
    const penalty = (count: number, isLegal: (i: number) => boolean) =>
      Float32Array.from({ length: count }, (_, i) => (isLegal(i) ? 0 : forbidden))
    this.#penalties = {
      transitions: penalty(tags * tags, (i) => legal?.move(Math.floor(i / tags), i % tags) ?? true),
      start: penalty(tags, (tag) => legal?.start(tag) ?? true),
      end: penalty(tags, (tag) => legal?.end(tag) ?? true),
    }
  }

  protected forward(context: Context, emissions: Value, tags: Value, mask: Value): Value {
    const lengths = cast(reduceSum(cast(mask, 'float32'), 1), 'int64')
    return crfLoss(emissions, tags, this.scores(context), lengths)
  }

  /** The scores that `viterbi` needs beside the emissions. */
  scores(context: Context): ChainWeights {
    const score = (name: 'transitions' | 'start' | 'end') => {
      const parameter = this[name]
      return add(context.use(parameter), context.builder.constant(this.#penalties[name], { shape: parameter.shape }))
    }
    return { transitions: score('transitions'), start: score('start'), end: score('end') }
  }
}
