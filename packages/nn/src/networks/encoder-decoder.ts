import { add, cast, gather, matMul, mul, range, sinusoids, type Tensor, type Value } from '@volant/graph'
import { type BeamOptions, beamSearch, type Hypothesis } from '../generation/beam.js'
import { inferenceModel, layerNames, memoryName, namedLayers, type StepModel, Steps } from '../generation/steps.js'
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
import type { Session } from '../runtime/local-session.js'
import { openSession, type SessionOptions } from '../runtime/session.js'

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

/** Turns sequences into others with a trained encoder-decoder: encodes once, decodes step by step. */
export class SequenceTranslator {
  private constructor(
    readonly model: EncoderDecoder,
    readonly encoder: Session,
    readonly steps: Steps,
  ) {}

  /** `parameters` by path, as `train` gives them. */
  static async open(
    model: EncoderDecoder,
    parameters: ReadonlyMap<string, Tensor>,
    options: SessionOptions = {},
  ): Promise<SequenceTranslator> {
    const encoder = inferenceModel(model, parameters, (context) => {
      const source = context.input('source', 'int64', ['B', 'S'])
      const mask = context.input('mask', 'bool', ['B', 'S'])
      return namedLayers(model.decoder.project(context, model.encode(context, source, mask)))
    })
    return new SequenceTranslator(
      model,
      await openSession(encoder, options),
      await Steps.open(model.stepModel(), parameters, options),
    )
  }

  /** The hypotheses for each source (token ids), best first; `first` is the token that outputs begin with. */
  async translate(
    sources: readonly (readonly number[])[],
    { first, ...options }: BeamOptions & { readonly first: number },
  ): Promise<Hypothesis[][]> {
    const { beams = 4 } = options
    const repeated = sources.flatMap((source) => Array<readonly number[]>(beams).fill(source))
    const { ids, mask } = padded(repeated)
    const encoded = await this.encoder.run({ source: ids, mask })
    const names = layerNames(this.model.options.layers)
    const memory = Object.fromEntries(names.map((name) => [memoryName(name), encoded[name]!]))
    const logits = await this.steps.start(
      repeated.map(() => [first]),
      { ...memory, [memoryName('mask')]: mask },
    )
    const length = Math.min(options.length, this.model.options.context - 1)
    return beamSearch(this.steps, logits, { ...options, beams, length })
  }

  async release(): Promise<void> {
    await Promise.all([this.encoder.release(), this.steps.release()])
  }
}

/** Sequences as one tensor [B, longest], filled up with 0, and which places are real. */
export function padded(sequences: readonly (readonly number[])[]): { ids: Tensor; mask: Tensor } {
  const width = Math.max(1, ...sequences.map(({ length }) => length))
  const dims = [sequences.length, width]
  const ids = new BigInt64Array(sequences.length * width)
  const mask = new Uint8Array(ids.length)
  sequences.forEach((sequence, row) => {
    sequence.forEach((token, place) => {
      ids[row * width + place] = BigInt(token)
      mask[row * width + place] = 1
    })
  })
  return { ids: { dtype: 'int64', dims, data: ids }, mask: { dtype: 'bool', dims, data: mask } }
}
