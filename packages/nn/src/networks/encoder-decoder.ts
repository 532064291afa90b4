import { add, cast, gather, matMul, mul, range, sinusoids, type Value } from '@volant/graph'
import type { StepModel } from '../generation/steps.js'
import type { Context } from '../modules/context.js'
import { normal } from '../modules/initialisers.js'
import { Module } from '../modules/module.js'
import { Dropout } from '../modules/normalisation.js'
import {
  type DecoderInputs,
  TransformerDecoder,
  TransformerEncoder,
  type TransformerOptions,
} from '../modules/transformer.js'
import { Parameter } from '../modules/tree.js'

export interface EncoderDecoderOptions extends Omit<TransformerOptions, 'rotary'> {
  /** Number of tokens of the input. */
  readonly source: number
  /** Number of tokens of the output. */
  readonly target: number
  /** Longest output, its first token included. */
  readonly context: number
}

export interface TeacherInputs {
  /** int64 [B, S] */
  readonly source: Value
  /** bool [B, S], true = real. */
  readonly sourceMask: Value
  /** int64 [B, T]: the first token, then the right output up to the last but one ("teacher forcing"). */
  readonly target: Value
}

/**
 * Transformer encoder and decoder (Vaswani et al. 2017) with fixed sinusoidal positions; the target's token table is also the output
 * layer. Forward: logits [B, T, target] of the next token at each place.
 */
export class EncoderDecoder extends Module<[inputs: TeacherInputs]> {
  readonly sourceTokens: Parameter
  readonly targetTokens: Parameter
  readonly dropout: Dropout
  readonly encoder: TransformerEncoder
  readonly decoder: TransformerDecoder

  constructor(readonly options: EncoderDecoderOptions) {
    super()
    const { source, target, width, dropout = 0, norm = 'pre' } = options
    const initialiser = normal(width ** -0.5)
    this.sourceTokens = new Parameter([source, width], initialiser)
    this.targetTokens = new Parameter([target, width], initialiser)
    this.dropout = new Dropout(dropout)
    this.encoder = new TransformerEncoder({ ...options, norm })
    this.decoder = new TransformerDecoder({ ...options, norm })
  }

  protected forward(context: Context, { source, sourceMask, target }: TeacherInputs): Value {
    const memory = this.encode(context, source, sourceMask)
    return this.decode(context, target, { memory, memoryMask: sourceMask })
  }

  /** ids [B, S], mask [B, S] -> [B, S, width] */
  encode(context: Context, source: Value, mask: Value): Value {
    return this.encoder.apply(context, this.#embed(context, this.sourceTokens, source), mask)
  }

  /** ids [B, T] -> logits [B, T, target] */
  decode(context: Context, target: Value, inputs: DecoderInputs): Value {
    const x = this.#embed(context, this.targetTokens, target, inputs.positions)
    return matMul(this.decoder.apply(context, x, inputs), context.use(this.targetTokens), { transB: true })
  }

  stepModel(): StepModel {
    const { layers, width, heads, keyHeads = heads, target, context } = this.options
    return {
      model: this,
      layers,
      keyWidth: (width / heads) * keyHeads,
      vocabulary: target,
      context,
      memory: true,
      logits: (graph, ids, inputs) => this.decode(graph, ids, inputs),
    }
  }

  #embed(context: Context, table: Parameter, ids: Value, positions = range(context.builder, ids.shape[1]!)): Value {
    const { width } = this.options
    const tokens = mul(gather(context.use(table), ids), Math.sqrt(width))
    return this.dropout.apply(context, add(tokens, cast(sinusoids(positions, width), tokens.dtype)))
  }
}
