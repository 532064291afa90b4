import { encodeOnnx, GraphBuilder, lower, type Tensor, tensorOf, type Value } from '@volant/graph'
import { Context } from '../modules/context.js'
import { Embedding } from '../modules/embedding.js'
import { normal } from '../modules/initialisers.js'
import { Linear } from '../modules/linear.js'
import { Module } from '../modules/module.js'
import { Dropout } from '../modules/normalisation.js'
import { LSTM, type States } from '../modules/recurrent.js'
import { openSession } from '../runtime/session.js'

export interface LanguageModelOptions {
  /** Number of tokens there are. */
  readonly vocabulary: number
  readonly width: number
  readonly hidden: number
  /** Default 2. */
  readonly layers?: number
  readonly dropout?: number
}

/**
 * Recurrent language model: ids int64 [B, T] -> logits [B, T, vocabulary] of the next token of each step, and the states, from
 * which the text goes on (Mikolov et al. 2010; the form of Zaremba, Sutskever, Vinyals 2014).
 */
export class LanguageModel extends Module<
  [ids: Value, initial?: readonly States[]],
  { logits: Value; last: readonly States[] }
> {
  readonly tokens: Embedding
  readonly lstm: LSTM
  readonly head: Linear
  readonly dropout: Dropout

  constructor(readonly options: LanguageModelOptions) {
    super()
    const { vocabulary, width, hidden, layers = 2, dropout = 0 } = options
    this.tokens = new Embedding(vocabulary, width, { initialiser: normal(0.1) })
    this.lstm = new LSTM(width, hidden, { layers, dropout })
    this.head = new Linear(hidden, vocabulary)
    this.dropout = new Dropout(dropout)
  }

  protected forward(context: Context, ids: Value, initial?: readonly States[]) {
    const x = this.dropout.apply(context, this.tokens.apply(context, ids))
    const { y, last } = this.lstm.apply(context, x, { initial })
    return { logits: this.head.apply(context, this.dropout.apply(context, y)), last }
  }
}

/**
 * Reads a text token by token: `read(id)` resolves to the logits of the next one. One step is one run of a small graph; the states
 * stay between the calls. Release it when done.
 */
export async function openReader(model: LanguageModel, parameters: ReadonlyMap<string, Tensor>) {
  const { hidden, layers = 2 } = model.options
  const builder = new GraphBuilder('step')
  const context = new Context(builder, model)
  const names = Array.from({ length: layers }, (_, layer) => [`hidden${layer}`, `cell${layer}`])
  const states = names.map((pair) => pair.map((name) => context.input(name, 'float32', [1, 'batch', hidden])))
  const { logits, last } = model.apply(context, context.input('ids', 'int64', ['batch', 1]), states)
  builder.output('logits', logits)
  last.forEach((pair, layer) => {
    pair.forEach((state, i) => {
      builder.output(`${names[layer]![i]}:next`, state)
    })
  })
  const bytes = encodeOnnx(lower(builder.build(), { opset: 18, provider: 'cpu', mode: 'infer' }, parameters))
  const session = await openSession(bytes)
  const zeros = () => tensorOf('float32', [1, 1, hidden], new Array(hidden).fill(0))
  let held = Object.fromEntries(names.flat().map((name) => [name, zeros()]))
  return {
    async read(id: number): Promise<Float32Array> {
      const found = await session.run({ ids: tensorOf('int64', [1, 1], [id]), ...held })
      held = Object.fromEntries(names.flat().map((name) => [name, found[`${name}:next`]!]))
      return found['logits']!.data as Float32Array
    },
    release: () => session.release(),
  }
}
