import type { Tensor } from '@volant/graph'
import type { EncoderDecoder } from '../networks/encoder-decoder.js'
import type { Session } from '../runtime/local-session.js'
import { openSession, type SessionOptions } from '../runtime/session.js'
import { type BeamOptions, beamSearch, type Hypothesis } from './beam.js'
import { inferenceModel, layerNames, memoryName, namedLayers, Steps } from './steps.js'

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
