import { add, concat, matMul, mul, reduceMean, relu, reshape, transpose, unsqueeze, type Value } from '@volant/graph'
import { type Context, Dropout, type Initialiser, Linear, Module, ones, Parameter, uniform, zeros } from '@volant/nn'
import type { FeatureLayer, Streams } from '../encoders/encoder.js'

/** Fuses the features of all inputs through hidden layers with ReLU and dropout. */
export interface CombinerSettings {
  /** Widths of the hidden layers; none = the features go to the heads as they are. */
  readonly hidden: readonly number[]
  readonly dropout: number
  /** Networks in one that share the large weights and whose answers are averaged; 1 = an ordinary network. */
  readonly members: number
}

/**
 * All inputs' feature layers, the combiner, and one linear head an output. The members of the combiner and the heads are
 * an ensemble with shared weights, each member scaling what goes in and out of them (TabM: Gorishniy, Kotelnikov, Babenko,
 * "Advancing tabular deep learning with parameter-efficient ensembling", 2024).
 */
export class Network extends Module<[streams: (input: string) => Streams, apart?: boolean], Record<string, Value>> {
  /** Multiply-adds of a forward pass per row behind the features, for counting work. */
  readonly work: number
  readonly inputs: Readonly<Record<string, FeatureLayer>>
  readonly combiner: Combiner
  readonly heads: Readonly<Record<string, Head>>
  readonly members: number
  readonly #names: { readonly inputs: readonly string[]; readonly outputs: readonly string[] }

  constructor(
    inputs: Readonly<Record<string, FeatureLayer>>,
    outputs: Readonly<Record<string, number>>,
    settings: CombinerSettings,
  ) {
    super()
    this.#names = { inputs: Object.keys(inputs), outputs: Object.keys(outputs) }
    this.members = settings.members
    this.inputs = Object.fromEntries(Object.entries(inputs).map(([name, layer]) => [pathPart(name), layer]))
    const width = Object.values(inputs).reduce((sum, layer) => sum + layer.width, 0)
    this.combiner = new Combiner(width, settings)
    const scored = Object.values(outputs).reduce((sum, scores) => sum + scores, 0)
    const widths = [width, ...settings.hidden, scored]
    this.work = this.members * widths.slice(1).reduce((sum, next, place) => sum + next * widths[place]!, 0)
    this.heads = Object.fromEntries(
      Object.entries(outputs).map(([name, scores]) => [
        pathPart(name),
        new Head(this.members, this.combiner.width, scores),
      ]),
    )
  }

  /**
   * @returns by output, raw scores [batch, width], the mean of the members'; `apart` gives those of each member, one after
   * the other, [members * batch, width]
   */
  protected forward(context: Context, streams: (input: string) => Streams, apart = false): Record<string, Value> {
    const features = this.#names.inputs.map((name) => this.inputs[pathPart(name)]!.apply(context, streams(name)))
    const fused = this.combiner.apply(context, features.length === 1 ? features[0]! : concat(features, 1))
    return Object.fromEntries(
      this.#names.outputs.map((name) => {
        const scores = this.heads[pathPart(name)]!.apply(context, fused)
        return [name, apart ? reshape(scores, [-1, scores.shape[2]!]) : reduceMean(scores, 0)]
      }),
    )
  }
}

/** [batch, inputs] -> [batch, members, width]. */
class Combiner extends Module {
  readonly width: number
  readonly layers: readonly Hidden[]
  readonly dropout: Dropout

  constructor(inputs: number, { hidden, dropout, members }: CombinerSettings) {
    super()
    this.layers = hidden.map(
      (width, place) => new Hidden(members, place === 0 ? inputs : hidden[place - 1]!, width, place),
    )
    this.dropout = new Dropout(dropout)
    this.width = hidden.at(-1) ?? inputs
  }

  protected forward(context: Context, x: Value): Value {
    return this.layers.reduce(
      (h, layer) => this.dropout.apply(context, layer.apply(context, h)),
      this.layers.length === 0 ? this.dropout.apply(context, unsqueeze(x, 1)) : unsqueeze(x, 1),
    )
  }
}

/** Members start apart by random signs on their inputs. */
const signs: Initialiser = (shape, random) =>
  Float32Array.from({ length: shape.reduce((product, size) => product * size, 1) }, () =>
    random.uniform() < 0.5 ? -1 : 1,
  )

/** A linear layer shared by all members, each with scales of its own, and ReLU. */
class Hidden extends Module {
  readonly linear: Linear
  readonly before: Parameter
  readonly after: Parameter
  readonly bias: Parameter

  constructor(members: number, inputs: number, width: number, depth: number) {
    super()
    this.linear = new Linear(inputs, width, { bias: false })
    this.before = new Parameter([members, inputs], depth === 0 && members > 1 ? signs : ones)
    this.after = new Parameter([members, width], ones)
    this.bias = new Parameter([members, width], zeros)
  }

  protected forward(context: Context, x: Value): Value {
    const shared = this.linear.apply(context, mul(x, context.use(this.before)))
    return relu(add(mul(shared, context.use(this.after)), context.use(this.bias)))
  }
}

/** A linear layer for each member: [batch, members or 1, inputs] -> [members, batch, scores]. */
class Head extends Module {
  readonly weight: Parameter
  readonly bias: Parameter

  constructor(members: number, inputs: number, scores: number) {
    super()
    this.weight = new Parameter([members, inputs, scores], uniform(Math.sqrt(6 / (inputs + scores))))
    this.bias = new Parameter([members, 1, scores], zeros)
  }

  protected forward(context: Context, x: Value): Value {
    return add(matMul(transpose(x, [1, 0, 2]), context.use(this.weight)), context.use(this.bias))
  }
}

/** Parameter paths are joined by dots, so a name must not hold one. */
export function pathPart(name: string): string {
  return name.replaceAll('%', '%25').replaceAll('.', '%2E')
}
