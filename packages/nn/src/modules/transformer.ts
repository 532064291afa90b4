import { add, type Value } from '@volant/graph'
import { type KeysAndValues, MultiHeadAttention, type Past, type RotarySettings } from './attention.js'
import type { Context } from './context.js'
import { FeedForward, type FeedForwardActivation } from './feed-forward.js'
import type { Initialiser } from './initialisers.js'
import { Module } from './module.js'
import { Dropout, LayerNorm, RmsNorm } from './normalisation.js'

export interface TransformerOptions {
  readonly width: number
  readonly heads: number
  readonly layers: number
  /** Width of the feed-forward layer, default 4 * width. */
  readonly hidden?: number
  /** After attention and after the feed-forward layer. */
  readonly dropout?: number
  /** Of the attention's weights; default 0. */
  readonly attentionDropout?: number
  /** `pre` normalises before each part and once at the end (trains more easily), `post` after each part (as BERT). */
  readonly norm?: 'pre' | 'post'
  /** `layer` (default) or `rms`, which leaves the mean alone (Zhang and Sennrich 2019). */
  readonly normalisation?: 'layer' | 'rms'
  /** Added to the variance before it is divided by; default 1e-5 for `layer`, 1e-6 for `rms`. */
  readonly epsilon?: number
  /** Default `gelu`. */
  readonly activation?: FeedForwardActivation
  /** Heads of keys and values, each serving heads / keyHeads heads of queries. */
  readonly keyHeads?: number
  /** Width of a head; default width / heads. */
  readonly headWidth?: number
  /** Normalise each head of queries and keys (Qwen3); the epsilon. */
  readonly headNorm?: number
  /** Tell positions apart by turning queries and keys; see `rotary`. */
  readonly rotary?: boolean | RotarySettings
  /** In training keep only what goes from layer to layer and compute the rest of each again: much less memory, a third more time. */
  readonly checkpoint?: boolean
  /** Biases of all linear layers; default true. */
  readonly bias?: boolean
  /** Biases of queries, keys and values; default `bias`. */
  readonly projectionBias?: boolean
  /** Of all linear layers. */
  readonly initialiser?: Initialiser
  /** Of the linear layers that end a residual part; default `initialiser`. */
  readonly outputInitialiser?: Initialiser
}

export type TransformerEncoderOptions = TransformerOptions & {
  /** Position t sees positions up to t only. */
  readonly causal?: boolean
  /** All layers have the same weights (Lan et al. 2020, ALBERT). */
  readonly sharedLayers?: boolean
}

interface LayerInputs {
  readonly mask?: Value
  readonly positions?: Value
  readonly past?: Past
  readonly memory?: Value | KeysAndValues
  readonly memoryMask?: Value
}

type Norm = LayerNorm | RmsNorm

const normOf = ({ width, normalisation = 'layer', epsilon }: TransformerOptions): Norm =>
  normalisation === 'rms' ? new RmsNorm(width, epsilon) : new LayerNorm(width, epsilon)

/** Self-attention, attention to another sequence if asked for, and feed-forward, each with dropout and a residual connection. */
class TransformerLayer extends Module<[x: Value, inputs: LayerInputs]> {
  readonly checkpoint: boolean
  readonly attention: MultiHeadAttention
  readonly attentionNorm: Norm
  readonly memoryAttention: MultiHeadAttention | undefined
  readonly memoryNorm: Norm | undefined
  readonly feedForward: FeedForward
  readonly feedForwardNorm: Norm
  readonly dropout: Dropout
  readonly norm: 'pre' | 'post'

  constructor(options: TransformerOptions, { causal = false, memory = false }) {
    super()
    const { width, heads, hidden = 4 * width, dropout = 0, attentionDropout, norm = 'post', rotary } = options
    const { keyHeads, bias, initialiser, outputInitialiser, activation } = options
    const linear = { bias, initialiser, outputInitialiser }
    const { projectionBias = bias, headWidth, headNorm } = options
    const heading = { keyHeads, headWidth, headNorm }
    const attention = { ...linear, ...heading, bias: projectionBias, outputBias: bias, dropout: attentionDropout }
    this.attention = new MultiHeadAttention(width, heads, { ...attention, causal, rotary })
    this.attentionNorm = normOf(options)
    if (memory) {
      this.memoryAttention = new MultiHeadAttention(width, heads, attention)
      this.memoryNorm = normOf(options)
    }
    this.feedForward = new FeedForward(width, hidden, { ...linear, activation })
    this.feedForwardNorm = normOf(options)
    this.dropout = new Dropout(dropout)
    this.norm = norm
    this.checkpoint = options.checkpoint ?? false
  }

  protected forward(context: Context, x: Value, inputs: LayerInputs): Value {
    return this.checkpoint
      ? context.checkpoint(() => this.#forward(context, x, inputs))
      : this.#forward(context, x, inputs)
  }

  #forward(context: Context, x: Value, { memory, memoryMask, ...inputs }: LayerInputs): Value {
    let h = this.#residual(context, x, this.attentionNorm, (h) => this.attention.apply(context, h, inputs))
    const { memoryAttention, memoryNorm } = this
    if (memoryAttention && memoryNorm)
      h = this.#residual(context, h, memoryNorm, (h) =>
        memoryAttention.apply(context, h, { memory: memory!, mask: memoryMask }),
      )
    return this.#residual(context, h, this.feedForwardNorm, (h) => this.feedForward.apply(context, h))
  }

  #residual(context: Context, x: Value, norm: Norm, part: (h: Value) => Value): Value {
    if (this.norm === 'pre') return add(x, this.dropout.apply(context, part(norm.apply(context, x))))
    return norm.apply(context, add(x, this.dropout.apply(context, part(x))))
  }
}

/** Transformer encoder (Vaswani et al. 2017): x [B, T, width], mask bool [B, T] (true = real) -> [B, T, width]. */
export class TransformerEncoder extends Module<[x: Value, mask?: Value]> {
  readonly layers: readonly TransformerLayer[]
  readonly norm: Norm | undefined

  constructor(options: TransformerEncoderOptions) {
    super()
    const { layers, causal, sharedLayers = false } = options
    const layer = () => new TransformerLayer(options, { causal })
    this.layers = sharedLayers ? new Array(layers).fill(layer()) : Array.from({ length: layers }, layer)
    if (options.norm === 'pre') this.norm = normOf(options)
  }

  protected forward(context: Context, x: Value, mask?: Value): Value {
    const encoded = this.layers.reduce((h, layer) => layer.apply(context, h, { mask }), x)
    return this.norm ? this.norm.apply(context, encoded) : encoded
  }
}

export interface DecoderInputs {
  /** bool [B, T], or [B, P+T] when there is a past: true for what may be seen. */
  readonly mask?: Value
  /** int64 [T] or [B, T], for rotary positions; default 0 … T-1. */
  readonly positions?: Value
  /** Keys and values of earlier positions, for each layer. */
  readonly past?: readonly Past[]
  /** What is attended to besides: a sequence [B, Tm, width], or for each layer what `project` made of it. */
  readonly memory?: Value | readonly KeysAndValues[]
  /** bool [B, Tm]. */
  readonly memoryMask?: Value
}

/**
 * Transformer decoder (Vaswani et al. 2017): causal self-attention and, unless `memory` is false (as in GPT), attention to an
 * encoded sequence. x [B, T, width] -> [B, T, width].
 */
export class TransformerDecoder extends Module<[x: Value, inputs?: DecoderInputs]> {
  readonly layers: readonly TransformerLayer[]
  readonly norm: Norm | undefined

  constructor(options: TransformerOptions & { readonly memory?: boolean }) {
    super()
    const { memory = true } = options
    this.layers = Array.from({ length: options.layers }, () => new TransformerLayer(options, { causal: true, memory }))
    if (options.norm === 'pre') this.norm = normOf(options)
  }

  protected forward(context: Context, x: Value, inputs: DecoderInputs = {}): Value {
    const { mask, positions, past, memory, memoryMask } = inputs
    const decoded = this.layers.reduce((h, layer, i) => {
      const own = memory && 'builder' in memory ? memory : memory?.[i]
      return layer.apply(context, h, { mask, positions, past: past?.[i], memory: own, memoryMask })
    }, x)
    return this.norm ? this.norm.apply(context, decoded) : decoded
  }

  /** Each layer's keys and values of an encoded sequence [B, Tm, width], for decoding step by step. */
  project(context: Context, memory: Value): KeysAndValues[] {
    return this.layers.map(({ memoryAttention }) => memoryAttention!.project(context, memory))
  }
}
