import { add, gelu, geluTanh, matMul, relu, reshape, silu, type Value } from '@volant/graph'
import { type Context, LayerNorm, Linear, Module, normal, Parameter, zeros } from '@volant/nn'
import type { BertOptions } from '../architectures/bert-network.js'

type Functions = Readonly<Record<string, (x: Value) => Value>>
const functions: Functions = { gelu, geluTanh, relu, silu }
const activate = ({ activation = 'gelu' }: HeadOptions, x: Value) => functions[activation]!(x)

type HeadOptions = Pick<BertOptions, 'width' | 'embedding' | 'vocabulary' | 'epsilon' | 'activation'>

/**
 * The output layer of masked language models (Devlin et al. 2019): states [N, width] -> logits [N, vocabulary], by the table of words
 * [vocabulary, embedding] that the encoder reads with.
 */
export class MaskedHead extends Module<[states: Value, words: Parameter]> {
  readonly dense: Linear
  readonly norm: LayerNorm
  readonly bias: Parameter

  constructor(readonly options: HeadOptions) {
    super()
    const { width, embedding = width, vocabulary, epsilon } = options
    this.dense = new Linear(width, embedding, { initialiser: normal(0.02) })
    this.norm = new LayerNorm(embedding, epsilon)
    this.bias = new Parameter([vocabulary], zeros)
  }

  protected forward(context: Context, states: Value, words: Parameter): Value {
    const turned = this.norm.apply(context, activate(this.options, this.dense.apply(context, states)))
    return add(matMul(turned, context.use(words), { transB: true }), context.use(this.bias))
  }
}

/** ELECTRA's output layer (Clark et al. 2020): states [B, T, width] -> how likely each token was put in, logits [B, T]. */
export class ReplacedHead extends Module {
  readonly dense: Linear
  readonly output: Linear

  constructor(readonly options: HeadOptions) {
    super()
    this.dense = new Linear(options.width, options.width, { initialiser: normal(0.02) })
    this.output = new Linear(options.width, 1, { initialiser: normal(0.02) })
  }

  protected forward(context: Context, states: Value): Value {
    const logits = this.output.apply(context, activate(this.options, this.dense.apply(context, states)))
    return reshape(logits, states.shape.slice(0, 2))
  }
}
