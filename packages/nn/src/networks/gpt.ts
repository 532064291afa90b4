import { add, crossEntropy, gather, matMul, range, reshape, slice, type Value } from '@volant/graph'
import type { StepModel } from '../generation/steps.js'
import type { Context } from '../modules/context.js'
import { normal } from '../modules/initialisers.js'
import { Linear } from '../modules/linear.js'
import { Module } from '../modules/module.js'
import { Dropout } from '../modules/normalisation.js'
import { type DecoderInputs, TransformerDecoder, type TransformerOptions } from '../modules/transformer.js'
import { Parameter } from '../modules/tree.js'

export interface GptOptions extends Omit<TransformerOptions, 'rotary' | 'norm' | 'initialiser' | 'outputInitialiser'> {
  /** Number of tokens there are. */
  readonly vocabulary: number
  /** Longest sequence. */
  readonly context: number
  /** `learned` (default, as GPT-2) adds a vector to each place, `rotary` (as Llama) turns queries and keys. */
  readonly positions?: 'learned' | 'rotary'
  /** Wavelengths of rotary positions reach 2π · base; default 10,000. */
  readonly rotaryBase?: number
  /** The angle of each pair of a head's numbers for one position, in radians, instead of what the base gives. */
  readonly rotaryFrequencies?: readonly number[]
  /** Use the token table also as output layer (Press and Wolf 2017); default true. */
  readonly tied?: boolean
}

const DEVIATION = 0.02

/**
 * A decoder-only Transformer (Radford et al. 2019): ids int64 [B, T] -> logits [B, T, vocabulary]. The defaults are GPT-2's; with
 * `positions: 'rotary', normalisation: 'rms', activation: 'swiglu', bias: false` and `keyHeads` it is Llama's (Touvron et al. 2023).
 */
export class GPT extends Module<[ids: Value, inputs?: DecoderInputs]> {
  readonly tokens: Parameter
  readonly places: Parameter | undefined
  readonly dropout: Dropout
  readonly decoder: TransformerDecoder
  readonly head: Linear | undefined

  constructor(readonly options: GptOptions) {
    super()
    const { vocabulary, context, width, layers, dropout = 0, positions = 'learned', tied = true } = options
    const initialiser = normal(DEVIATION)
    this.tokens = new Parameter([vocabulary, width], initialiser)
    if (positions === 'learned') this.places = new Parameter([context, width], initialiser)
    this.dropout = new Dropout(dropout)
    this.decoder = new TransformerDecoder({
      ...options,
      memory: false,
      norm: 'pre',
      rotary: positions === 'rotary' && { base: options.rotaryBase, frequencies: options.rotaryFrequencies },
      initialiser,
      // Each of the 2 · layers residual parts adds to the variance.
      outputInitialiser: normal(DEVIATION / Math.sqrt(2 * layers)),
    })
    if (!tied) this.head = new Linear(width, vocabulary, { bias: false, initialiser })
  }

  protected forward(context: Context, ids: Value, inputs?: DecoderInputs): Value {
    return this.#score(context, this.#read(context, ids, inputs))
  }

  /** The hidden states [B, T, width] that logits are made of. */
  states(context: Context, ids: Value, inputs?: DecoderInputs): Value {
    return context.within(this, () => this.#read(context, ids, inputs))
  }

  /** The logits [..., vocabulary] of hidden states [..., width]. */
  score(context: Context, states: Value): Value {
    return context.within(this, () => this.#score(context, states))
  }

  #read(context: Context, ids: Value, inputs: DecoderInputs = {}): Value {
    let x = gather(context.use(this.tokens), ids)
    if (this.places) {
      const places = inputs.positions ?? range(context.builder, ids.shape[1]!)
      x = add(x, gather(context.use(this.places), places))
    }
    return this.decoder.apply(context, this.dropout.apply(context, x), inputs)
  }

  #score(context: Context, h: Value): Value {
    return this.head ? this.head.apply(context, h) : matMul(h, context.use(this.tokens), { transB: true })
  }

  stepModel(): StepModel {
    const { layers, width, heads, keyHeads = heads, headWidth = width / heads, vocabulary, context } = this.options
    return {
      model: this,
      layers,
      keyWidth: headWidth * keyHeads,
      vocabulary,
      context,
      memory: false,
      logits: (graph, ids, inputs) =>
        graph.within(this, () => this.#score(graph, slice(this.#read(graph, ids, inputs), { axis: 1, start: -1 }))),
    }
  }
}

/** Mean loss of the next token over all places: logits [B, T, V], labels int64 [B, T], negative = not counted. */
export function nextTokenLoss(logits: Value, labels: Value, options: { readonly smoothing?: number } = {}): Value {
  const width = logits.shape[2]!
  return crossEntropy(reshape(logits, [-1, width]), reshape(labels, [-1]), options)
}
