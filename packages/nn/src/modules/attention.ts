import {
  attention,
  matMul,
  type RotaryOptions,
  reshape,
  rotary,
  softmax,
  squeeze,
  tanh,
  unsqueeze,
  type Value,
  where,
} from '@volant/graph'
import { NnError } from '../errors.js'
import type { Context } from './context.js'
import { glorot, type Initialiser } from './initialisers.js'
import { Linear } from './linear.js'
import { Module } from './module.js'
import { RmsNorm } from './normalisation.js'

/** How queries and keys are turned by their position; see `rotary`. */
export type RotarySettings = Pick<RotaryOptions, 'base' | 'frequencies' | 'interleaved'>

export interface AttentionSettings {
  /** Width of a head; default width / heads. */
  readonly headWidth?: number
  /** Normalise each head of queries and keys by its root mean square before it is turned (Qwen3); the epsilon. */
  readonly headNorm?: number
  /** Heads of keys and values, each serving heads / keyHeads heads of queries; default as many as there are heads. */
  readonly keyHeads?: number
  /** Position t sees positions up to t only. */
  readonly causal?: boolean
  /** Turn queries and keys by their position; `true` for wavelengths up to 2π · 10,000. */
  readonly rotary?: boolean | RotarySettings
  /** Probability of dropping a weight in training. */
  readonly dropout?: number
  /** Biases of the four linear layers; default true. */
  readonly bias?: boolean
  /** Bias of the last of them; default `bias`. */
  readonly outputBias?: boolean
  readonly initialiser?: Initialiser
  /** Of the last linear layer; default `initialiser`. */
  readonly outputInitialiser?: Initialiser
}

/** What is attended to, projected: each [B, T, keyHeads·D]. */
export interface KeysAndValues {
  readonly keys: Value
  readonly values: Value
}

/** Keys and values of earlier positions, while a graph is built that decodes step by step. */
export interface Past {
  /** Puts those of the new positions [B, T, width] after the earlier ones, [B, P+T, width]. */
  extend(present: KeysAndValues): KeysAndValues
}

export interface AttentionInputs {
  /** bool [B, Tk] or [B, T, Tk], true for what may be seen. */
  readonly mask?: Value
  /** Another sequence to attend to [B, Tk, width], or what `project` made of it; default x itself. */
  readonly memory?: Value | KeysAndValues
  /** int64 [T] or [B, T], for rotary; default 0 … T-1. */
  readonly positions?: Value
  readonly past?: Past
}

/** Multi-head attention (Vaswani et al. 2017): x [B, T, width] -> [B, T, width]. */
export class MultiHeadAttention extends Module<[x: Value, inputs?: AttentionInputs]> {
  readonly query: Linear
  readonly key: Linear
  readonly value: Linear
  readonly output: Linear
  readonly queryNorm: RmsNorm | undefined
  readonly keyNorm: RmsNorm | undefined

  constructor(
    readonly width: number,
    readonly heads: number,
    readonly settings: AttentionSettings = {},
  ) {
    super()
    const { keyHeads = heads, bias = true, initialiser = glorot, outputInitialiser = initialiser } = settings
    const { headWidth = width / heads, outputBias = bias, headNorm } = settings
    if (!Number.isInteger(headWidth))
      throw new NnError('bad-heads', `Attention: a width of ${width} cannot be split into ${heads} heads`, {
        width,
        heads,
      })
    if (heads % keyHeads !== 0)
      throw new NnError('bad-heads', `Attention: ${heads} heads cannot share ${keyHeads} heads of keys evenly`, {
        heads,
        keyHeads,
      })
    const keyWidth = headWidth * keyHeads
    this.query = new Linear(width, headWidth * heads, { bias, initialiser })
    this.key = new Linear(width, keyWidth, { bias, initialiser })
    this.value = new Linear(width, keyWidth, { bias, initialiser })
    this.output = new Linear(headWidth * heads, width, { bias: outputBias, initialiser: outputInitialiser })
    if (headNorm !== undefined) {
      this.queryNorm = new RmsNorm(headWidth, headNorm)
      this.keyNorm = new RmsNorm(headWidth, headNorm)
    }
  }

  protected forward(context: Context, x: Value, inputs: AttentionInputs = {}): Value {
    const { mask, memory = x, positions, past } = inputs
    const { heads } = this
    const { keyHeads = heads, causal, dropout: p = 0 } = this.settings
    const query = this.#turn(normalised(context, this.query.apply(context, x), heads, this.queryNorm), heads, positions)
    const present = 'keys' in memory ? memory : this.project(context, memory, positions)
    const { keys, values } = past ? past.extend(present) : present
    const dropout =
      context.training && p > 0
        ? { p, seed: context.seed, salt: context.salt(), firstRow: context.firstRow }
        : undefined
    return this.output.apply(context, attention(query, keys, values, { heads, keyHeads, mask, causal, dropout }))
  }

  /** Keys and values of a sequence [B, T, width], for attending to it many times. */
  project(context: Context, memory: Value, positions?: Value): KeysAndValues {
    const { keyHeads = this.heads } = this.settings
    return context.within(this, () => ({
      keys: this.#turn(
        normalised(context, this.key.apply(context, memory), keyHeads, this.keyNorm),
        keyHeads,
        positions,
      ),
      values: this.value.apply(context, memory),
    }))
  }

  #turn(x: Value, heads: number, positions: Value | undefined): Value {
    const { rotary: turning } = this.settings
    return turning ? rotary(x, { heads, positions, ...(turning === true ? {} : turning) }) : x
  }
}

/** Each head of x [B, T, heads·D] through the norm. */
function normalised(context: Context, x: Value, heads: number, norm: RmsNorm | undefined): Value {
  if (!norm) return x
  const [batch, time, width] = x.shape
  const split = reshape(x, [batch!, time!, heads, Number(width) / heads])
  return reshape(norm.apply(context, split), x.shape)
}

/**
 * Mean over time weighted by a learnt score, softmax(v·tanh(Wx)): x [B, T, width], mask bool [B, T] (true = real) ->
 * [B, width] (Yang et al. 2016, "Hierarchical attention networks").
 */
export class AttentionPooling extends Module<[x: Value, mask?: Value]> {
  readonly hidden: Linear
  readonly score: Linear

  constructor(width: number, hidden = width) {
    super()
    this.hidden = new Linear(width, hidden)
    this.score = new Linear(hidden, 1, { bias: false })
  }

  protected forward(context: Context, x: Value, mask?: Value): Value {
    const [batch, time, width] = x.shape
    const scores = reshape(this.score.apply(context, tanh(this.hidden.apply(context, x))), [batch!, time!])
    const weights = softmax(mask ? where(mask, scores, -1e9) : scores)
    return reshape(squeeze(matMul(unsqueeze(weights, 1), x), [1]), [batch!, width!])
  }
}
