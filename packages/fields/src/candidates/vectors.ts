import { concat, GraphBuilder, lower, type Tensor, type Value } from '@volant/graph'
import { Context, type CsrMatrix, openLowered, unitLength } from '@volant/nn'
import type { FeatureLayer, Streams } from '../encoders/encoder.js'
import { inputType } from '../registry.js'
import { type Dataset, pick } from '../train/dataset.js'
import { declared, runAll, streamsAmong } from './batches.js'
import type { FittedEncoder, Task } from './candidate.js'
import { pathPart } from './layers.js'

type RunOptions = Partial<Pick<Task, 'threads' | 'signal' | 'onProgress'>>

/** The text inputs of a spec through a pretrained encoder, each a vector of length 1, side by side. */
export class TextVectors {
  readonly inputs: Readonly<Record<string, FittedEncoder>>
  readonly layers: Readonly<Record<string, FeatureLayer>>
  readonly width: number

  /** @param name the first part of the parameters' paths @param known vectors of rows that are found by their texts, and kept */
  constructor(
    readonly name: string,
    { spec, base }: Pick<Task, 'spec' | 'base'>,
    readonly known?: Map<string, Float32Array>,
  ) {
    const texts = Object.entries(spec.inputs).filter(([, { type }]) => inputType(type).pretrained)
    this.inputs = Object.fromEntries(
      texts.map(([input, settings]) => {
        const { encoders, pretrained } = inputType(settings.type)
        const encoder = encoders[pretrained!]!
        return [input, { encoder, state: encoder.fit([], settings, base!.description) }]
      }),
    )
    this.layers = Object.fromEntries(
      Object.entries(this.inputs).map(([input, { encoder, state }]) => [
        pathPart(input),
        encoder.features!.layer(state, {}),
      ]),
    )
    this.width = Object.values(this.layers).reduce((sum, layer) => sum + layer.width, 0)
  }

  /** What a context is made with. */
  get model(): object {
    return { [this.name]: { inputs: this.layers } }
  }

  /** First weights by path. */
  async pretrained({ base }: Pick<Task, 'base'>): Promise<Map<string, Tensor>> {
    const weights = [...(await base!.weights())]
    return new Map(
      Object.entries(this.inputs).flatMap(([input, { encoder }]) =>
        weights.map(([own, tensor]): [string, Tensor] => [
          `${this.name}.inputs.${pathPart(input)}.${encoder.features!.pretrained}.${own}`,
          tensor,
        ]),
      ),
    )
  }

  /** [batch, width] */
  of(context: Context, streams: (input: string) => Streams): Value {
    const vectors = Object.keys(this.inputs).map((input) =>
      unitLength(this.layers[pathPart(input)]!.apply(context, streams(input))),
    )
    return vectors.length === 1 ? vectors[0]! : concat(vectors, 1)
  }

  /** The vectors of all rows [rows, width], by the given weights. */
  async rows(data: Dataset, parameters: ReadonlyMap<string, Tensor>, options: RunOptions): Promise<Float32Array> {
    const { known, width } = this
    if (!known) return this.#compute(data, parameters, options)
    const texts = Object.keys(this.inputs).map((input) => data.inputs[input]!)
    const keys = Array.from({ length: data.rows }, (_, row) => JSON.stringify(texts.map((column) => column[row])))
    const firsts = new Map(keys.flatMap((key, row) => (known.has(key) ? [] : [[key, row] as const])))
    const found = await this.#compute(pick(data, [...firsts.values()]), parameters, options)
    for (const [place, key] of [...firsts.keys()].entries())
      known.set(key, found.slice(place * width, (place + 1) * width))
    const vectors = new Float32Array(data.rows * width)
    for (const [row, key] of keys.entries()) vectors.set(known.get(key)!, row * width)
    return vectors
  }

  async #compute(
    data: Dataset,
    parameters: ReadonlyMap<string, Tensor>,
    { threads, signal, onProgress }: RunOptions,
  ): Promise<Float32Array> {
    if (data.rows === 0) return new Float32Array(0)
    const builder = new GraphBuilder(this.name)
    const values = Object.fromEntries(
      Object.entries(declared(this.inputs, [])).map(([input, { dtype, shape }]) => [
        input,
        builder.input(input, dtype, shape),
      ]),
    )
    builder.output('vectors', this.of(new Context(builder, this.model), streamsAmong(values, this.inputs)))
    const model = lower(builder.build(), { opset: 18, provider: 'cpu', mode: 'infer' }, parameters)
    const session = await openLowered(model, { threads: threads ?? 2, worker: true })
    try {
      const results = await runAll(
        data,
        this.inputs,
        { vectors: this.width },
        (batch) => {
          signal?.throwIfAborted()
          return session.run(batch)
        },
        (fraction) => onProgress?.({ fraction }),
      )
      return results['vectors']!
    } finally {
      await session.release()
    }
  }
}

/** A dense matrix [rows, width] as sparse rows of which all columns are there. */
export function denseRows(data: Float32Array, width: number): CsrMatrix {
  const rows = data.length / width
  return {
    rows,
    cols: width,
    indptr: Int32Array.from({ length: rows + 1 }, (_, row) => row * width),
    indices: Int32Array.from(data, (_, place) => place % width),
    values: data,
  }
}
