import {
  cast,
  type GruWeights,
  gru,
  lstm,
  type RecurrentWeights,
  reduceSum,
  rnn,
  transpose,
  type Value,
} from '@volant/graph'
import type { Context } from './context.js'
import { type Initialiser, uniform, zeros } from './initialisers.js'
import { Module } from './module.js'
import { Dropout } from './normalisation.js'
import { Parameter } from './tree.js'

export interface RecurrentSettings {
  /** Layers on top of each other, default 1. */
  readonly layers?: number
  /** A second network reads each row from its end; the outputs lie side by side. */
  readonly bidirectional?: boolean
  /** Between layers. */
  readonly dropout?: number
}

export interface RecurrentInputs {
  /** bool [B, T], true for real steps, which come first in each row. */
  readonly mask?: Value
  /** First states of each layer, as `last` gives them; default 0. */
  readonly initial?: readonly States[]
}

/** The states of a layer, [D, B, width]: hidden, for an LSTM also the cell. D is 2 for both directions, else 1. */
export type States = readonly Value[]

export interface RecurrentOutput {
  /** [B, T, D width], 0 where masked. */
  readonly y: Value
  /** Of each layer, after the row's last step in each direction. */
  readonly last: readonly States[]
}

interface Cell {
  readonly gates: number
  readonly bias: Initialiser
  readonly candidateBias?: boolean
  apply(x: Value, weights: readonly DirectionWeights[], options: { lengths?: Value; initial?: States }): Value[]
}

type DirectionWeights = RecurrentWeights & Partial<GruWeights>

/** The weights of one direction of a layer, uniform within 1/sqrt(width) as PyTorch's. */
class Direction extends Module<[], DirectionWeights> {
  readonly weight: Parameter
  readonly recurrent: Parameter
  readonly bias: Parameter
  readonly candidateBias: Parameter | undefined

  constructor(inputs: number, width: number, { gates, bias, candidateBias }: Cell) {
    super()
    const spread = uniform(1 / Math.sqrt(width))
    this.weight = new Parameter([inputs, gates * width], spread)
    this.recurrent = new Parameter([width, gates * width], spread)
    this.bias = new Parameter([gates * width], bias)
    if (candidateBias) this.candidateBias = new Parameter([width], zeros)
  }

  protected forward(context: Context): DirectionWeights {
    return {
      weight: context.use(this.weight),
      recurrent: context.use(this.recurrent),
      bias: context.use(this.bias),
      ...(this.candidateBias ? { candidateBias: context.use(this.candidateBias) } : {}),
    }
  }
}

/** Recurrent layers on top of each other: x [B, T, inputs] -> y [B, T, D width] and the last states. */
abstract class RecurrentLayers extends Module<[x: Value, inputs?: RecurrentInputs], RecurrentOutput> {
  readonly layers: readonly { readonly forward: Direction; readonly backward?: Direction }[]
  readonly dropout: Dropout
  /** Of `y`. */
  readonly width: number
  readonly #cell: Cell

  constructor(cell: Cell, inputs: number, width: number, settings: RecurrentSettings = {}) {
    super()
    const { layers = 1, bidirectional = false, dropout = 0 } = settings
    const D = bidirectional ? 2 : 1
    this.#cell = cell
    this.width = D * width
    this.layers = Array.from({ length: layers }, (_, layer) => {
      const direction = () => new Direction(layer === 0 ? inputs : this.width, width, cell)
      return { forward: direction(), ...(bidirectional ? { backward: direction() } : {}) }
    })
    this.dropout = new Dropout(dropout)
  }

  protected forward(context: Context, x: Value, { mask, initial }: RecurrentInputs = {}): RecurrentOutput {
    const lengths = mask && cast(reduceSum(cast(mask, 'float32'), 1), 'int64')
    const last: States[] = []
    const y = this.layers.reduce(
      (h, { forward, backward }, layer) => {
        const weights = [forward, ...(backward ? [backward] : [])].map((direction) => direction.apply(context))
        const input = layer === 0 ? h : this.dropout.apply(context, h)
        const [next, ...states] = this.#cell.apply(input, weights, { lengths, initial: initial?.[layer] })
        last.push(states)
        return next!
      },
      transpose(x, [1, 0, 2]),
    )
    return { y: transpose(y, [1, 0, 2]), last }
  }
}

/** Elman networks, h' = tanh(x·W + h·R + b). */
export class RNN extends RecurrentLayers {
  constructor(inputs: number, width: number, settings?: RecurrentSettings) {
    const apply: Cell['apply'] = (x, weights, options) => {
      const { y, hidden } = rnn(x, weights, options)
      return [y, hidden]
    }
    super({ gates: 1, bias: zeros, apply }, inputs, width, settings)
  }
}

/** Long short-term memory (Hochreiter and Schmidhuber 1997); gates in the order input, output, forget, content. */
export class LSTM extends RecurrentLayers {
  constructor(inputs: number, width: number, settings?: RecurrentSettings) {
    // The forget gate starts open, so that gradients reach far back (Jozefowicz, Zaremba, Sutskever 2015); PyTorch starts at 0.
    const bias: Initialiser = () => new Float32Array(4 * width).fill(1, 2 * width, 3 * width)
    const apply: Cell['apply'] = (x, weights, options) => {
      const { y, hidden, cell } = lstm(x, weights, options)
      return [y, hidden, cell]
    }
    super({ gates: 4, bias, apply }, inputs, width, settings)
  }
}

/** Gated recurrent units (Cho et al. 2014), reset after the product as in cuDNN; gates in the order update, reset, candidate. */
export class GRU extends RecurrentLayers {
  constructor(inputs: number, width: number, settings?: RecurrentSettings) {
    const apply: Cell['apply'] = (x, weights, options) => {
      const { y, hidden } = gru(x, weights as readonly GruWeights[], options)
      return [y, hidden]
    }
    super({ gates: 3, bias: zeros, candidateBias: true, apply }, inputs, width, settings)
  }
}
