import {
  addDims,
  concat,
  type DType,
  encodeOnnx,
  GraphBuilder,
  lower,
  type OnnxModel,
  type Shape,
  slice,
  squeeze,
  type Tensor,
  tensorOf,
  transpose,
  type Value,
} from '@volant/graph'
import { NnError } from '../errors.js'
import type { KeysAndValues, Past } from '../modules/attention.js'
import { Context } from '../modules/context.js'
import type { DecoderInputs } from '../modules/transformer.js'
import type { Session } from '../runtime/local-session.js'
import { openLowered } from '../runtime/lowered.js'
import type { SessionOptions } from '../runtime/session.js'
import { KeyValueCache } from './cache.js'

/** What decoding step by step needs to know of a model. */
export interface StepModel {
  readonly model: object
  readonly layers: number
  /** Width of a layer's keys. */
  readonly keyWidth: number
  readonly vocabulary: number
  /** Longest sequence. */
  readonly context: number
  /** Whether it attends to an encoded sequence. */
  readonly memory: boolean
  /** ids [B, T] -> logits [B, T, vocabulary], or of the last place only [B, 1, vocabulary] */
  readonly logits: (context: Context, ids: Value, inputs: DecoderInputs) => Value
}

const swap = (x: Value) => transpose(x, [1, 0, 2])
const keysAt = (layer: number) => `keys.${layer}`
const valuesAt = (layer: number) => `values.${layer}`
export const memoryName = (name: string) => `memory.${name}`
export const layerNames = (layers: number): string[] =>
  Array.from({ length: layers }, (_, layer) => [keysAt(layer), valuesAt(layer)]).flat()

/** The tensors of each layer under their names. */
export const namedLayers = (layers: readonly KeysAndValues[]): Record<string, Value> =>
  Object.fromEntries(
    layers.flatMap(({ keys, values }, layer) => [
      [keysAt(layer), keys],
      [valuesAt(layer), values],
    ]),
  )

/** Makes a lowered model smaller, as `quantiseWeightsTo4Bit` does. */
export type Compress = (model: OnnxModel) => OnnxModel

type Append = (context: Context) => Readonly<Record<string, Value>>

/** Lowers outputs of a model for inference, its weights in the file. */
export const inferenceModel = (model: object, parameters: ReadonlyMap<string, Tensor>, append: Append): Uint8Array =>
  encodeOnnx(lowered(model, parameters, append))

function lowered(model: object, parameters: ReadonlyMap<string, Tensor>, append: Append): OnnxModel {
  const builder = new GraphBuilder('decoding')
  const outputs = append(new Context(builder, model))
  for (const [name, value] of Object.entries(outputs)) builder.output(name, value)
  return lower(builder.build(), { opset: 18, provider: 'cpu', mode: 'infer' }, parameters)
}

/** The model that `Steps` runs. */
export function stepModel(spec: StepModel, parameters: ReadonlyMap<string, Tensor>): OnnxModel {
  const append = (context: Context) => {
    const input = (name: string, dtype: DType, shape: Shape) => context.input(name, dtype, shape)
    const fresh: Record<string, Value> = {}
    const past = Array.from({ length: spec.layers }, (_, layer): Past => {
      const grow = (name: string, present: Value) => {
        fresh[`${name}:new`] = swap(present)
        const before = input(name, 'float32', ['P', 'B', spec.keyWidth])
        return swap(concat([before, fresh[`${name}:new`]!], 0))
      }
      return {
        extend: ({ keys, values }) => ({ keys: grow(keysAt(layer), keys), values: grow(valuesAt(layer), values) }),
      }
    })
    const stored = (name: string) => input(memoryName(name), 'float32', ['B', 'M', spec.keyWidth])
    const memory = spec.memory
      ? Array.from({ length: spec.layers }, (_, layer) => ({
          keys: stored(keysAt(layer)),
          values: stored(valuesAt(layer)),
        }))
      : undefined
    const ids = input('ids', 'int64', ['B', 'T'])
    const logits = spec.logits(context, ids, {
      positions: input('positions', 'int64', ['B', 'T']),
      mask: input('mask', 'bool', ['B', addDims('P', 'T')]),
      past,
      memory,
      memoryMask: memory && input(memoryName('mask'), 'bool', ['B', 'M']),
    })
    const last = squeeze(slice(logits, { axis: 1, start: -1 }), 1)
    return { logits: last, ...fresh }
  }
  return lowered(spec.model, parameters, append)
}

/** Keys and values of what is attended to, [B, M, width] by name, and its mask [B, M]. */
export type Memory = Readonly<Record<string, Tensor>>

/** Decodes a batch of sequences step by step, keeping the keys and values of what came before. */
export class Steps {
  readonly #cache: KeyValueCache
  /** Places of padding before each sequence. */
  #padding: number[] = []
  #memory: Memory = {}
  #adapter = 0

  private constructor(
    readonly spec: StepModel,
    readonly session: Session,
  ) {
    this.#cache = new KeyValueCache(layerNames(spec.layers), spec.keyWidth, spec.context)
  }

  static async open(
    spec: StepModel,
    parameters: ReadonlyMap<string, Tensor>,
    options: SessionOptions,
    compress: Compress = (model) => model,
  ): Promise<Steps> {
    return new Steps(spec, await openLowered(compress(stepModel(spec, parameters)), options))
  }

  /** Positions held, padding included. */
  get length(): number {
    return this.#cache.length
  }

  /**
   * Reads whole sequences, shorter ones padded in front; resolves to the logits [vocabulary] after each. `adapter` is the place of
   * the adapter that all take, where several are side by side (`bankAdapters`).
   */
  async start(sequences: readonly (readonly number[])[], memory: Memory = {}, adapter = 0): Promise<Float32Array[]> {
    const longest = Math.max(...sequences.map(({ length }) => length))
    this.#padding = sequences.map(({ length }) => longest - length)
    this.#memory = memory
    this.#adapter = adapter
    this.#cache.clear(sequences.length)
    return this.#feed(sequences.map((tokens, row) => [...Array<number>(this.#padding[row]!).fill(0), ...tokens]))
  }

  /** Reads one more token of each sequence. */
  next(tokens: readonly number[]): Promise<Float32Array[]> {
    return this.#feed(tokens.map((token) => [token]))
  }

  /** Goes on with these sequences, in this order; the same may be named several times, but there may not be more than there were. */
  select(rows: readonly number[]): void {
    if (rows.length === this.#padding.length && rows.every((row, i) => row === i)) return
    this.#padding = rows.map((row) => this.#padding[row]!)
    this.#memory = Object.fromEntries(Object.entries(this.#memory).map(([name, tensor]) => [name, pick(tensor, rows)]))
    this.#cache.select(rows)
  }

  release(): Promise<void> {
    return this.session.release()
  }

  get #hasAdapters(): boolean {
    return this.session.inputs.some(({ name }) => name === 'adapter')
  }

  async #feed(tokens: readonly (readonly number[])[]): Promise<Float32Array[]> {
    const [B, T, P] = [tokens.length, tokens[0]!.length, this.#cache.length]
    const { context, vocabulary } = this.spec
    if (P + T > context)
      throw new NnError('too-long', `Decoding: ${P + T} tokens, but the model's context is ${context}`, { context })
    const each = <Result>(width: number, make: (row: number, place: number) => Result) =>
      Array.from({ length: B * width }, (_, i) => make(Math.floor(i / width), i % width))
    const results = await this.session.run({
      ...this.#cache.tensors(),
      ...this.#memory,
      ...(this.#hasAdapters && { adapter: tensorOf('int64', [B], Array(B).fill(this.#adapter)) }),
      ids: tensorOf('int64', [B, T], tokens.flat()),
      positions: tensorOf(
        'int64',
        [B, T],
        each(T, (row, place) => Math.max(0, P + place - this.#padding[row]!)),
      ),
      mask: tensorOf(
        'bool',
        [B, P + T],
        each(P + T, (row, place) => Number(place >= this.#padding[row]!)),
      ),
    })
    this.#cache.append((name) => results[`${name}:new`]!, T)
    const logits = results['logits']!.data as Float32Array
    return tokens.map((_, row) => logits.subarray(row * vocabulary, (row + 1) * vocabulary))
  }
}

/** Rows of the first axis. */
function pick({ dtype, dims, data }: Tensor, rows: readonly number[]): Tensor {
  const size = data.length / dims[0]!
  const picked = new (data.constructor as new (length: number) => Float32Array)(rows.length * size)
  rows.forEach((row, i) => {
    picked.set((data as Float32Array).subarray(row * size, (row + 1) * size), i * size)
  })
  return { dtype, dims: [rows.length, ...dims.slice(1)], data: picked }
}
