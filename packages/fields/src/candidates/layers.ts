import { concat, relu, type Value } from '@volant/graph'
import { type Context, Dropout, LayerNorm, Linear, Module } from '@volant/nn'
import type { FeatureLayer, Streams } from '../encoders/encoder.js'

/** Fuses the features of all inputs: normalised, through hidden layers with ReLU and dropout. */
export interface CombinerSettings {
  /** Widths of the hidden layers; none = the features go to the heads as they are. */
  readonly hidden: readonly number[]
  readonly dropout: number
}

/** All inputs' feature layers, the combiner, and one linear head an output: raw scores [batch, width] by output. */
export class Network extends Module<[streams: (input: string) => Streams], Record<string, Value>> {
  /** Multiply-adds of a forward pass per row behind the features, for counting work. */
  readonly work: number
  readonly inputs: Readonly<Record<string, FeatureLayer>>
  readonly combiner: Combiner
  readonly heads: Readonly<Record<string, Linear>>
  readonly #names: { readonly inputs: readonly string[]; readonly outputs: readonly string[] }

  constructor(
    inputs: Readonly<Record<string, FeatureLayer>>,
    outputs: Readonly<Record<string, number>>,
    settings: CombinerSettings,
  ) {
    super()
    this.#names = { inputs: Object.keys(inputs), outputs: Object.keys(outputs) }
    this.inputs = Object.fromEntries(Object.entries(inputs).map(([name, layer]) => [pathPart(name), layer]))
    const width = Object.values(inputs).reduce((sum, layer) => sum + layer.width, 0)
    this.combiner = new Combiner(width, settings)
    const scored = Object.values(outputs).reduce((sum, scores) => sum + scores, 0)
    const widths = [width, ...settings.hidden, scored]
    this.work = widths.slice(1).reduce((sum, next, place) => sum + next * widths[place]!, 0)
    this.heads = Object.fromEntries(
      Object.entries(outputs).map(([name, scores]) => [pathPart(name), new Linear(this.combiner.width, scores)]),
    )
  }

  protected forward(context: Context, streams: (input: string) => Streams): Record<string, Value> {
    const features = this.#names.inputs.map((name) => this.inputs[pathPart(name)]!.apply(context, streams(name)))
    const fused = this.combiner.apply(context, features.length === 1 ? features[0]! : concat(features, 1))
    return Object.fromEntries(
      this.#names.outputs.map((name) => [name, this.heads[pathPart(name)]!.apply(context, fused)]),
    )
  }
}

class Combiner extends Module {
  readonly width: number
  readonly layers: readonly Hidden[]
  readonly dropout: Dropout

  constructor(inputs: number, { hidden, dropout }: CombinerSettings) {
    super()
    this.layers = hidden.map((width, place) => new Hidden(place === 0 ? inputs : hidden[place - 1]!, width))
    this.dropout = new Dropout(dropout)
    this.width = hidden.at(-1) ?? inputs
  }

  protected forward(context: Context, x: Value): Value {
    return this.layers.reduce(
      (h, layer) => this.dropout.apply(context, layer.apply(context, h)),
      this.layers.length === 0 ? this.dropout.apply(context, x) : x,
    )
  }
}

/** Linear, LayerNorm, ReLU. */
class Hidden extends Module {
  readonly linear: Linear
  readonly norm: LayerNorm

  constructor(inputs: number, width: number) {
    super()
    this.linear = new Linear(inputs, width)
    this.norm = new LayerNorm(width)
  }

  protected forward(context: Context, x: Value): Value {
    return relu(this.norm.apply(context, this.linear.apply(context, x)))
  }
}

/** Parameter paths are joined by dots, so a name must not hold one. */
export function pathPart(name: string): string {
  return name.replaceAll('%', '%25').replaceAll('.', '%2E')
}
