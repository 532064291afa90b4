import type { Tensor, Value } from '@volant/graph'
import type { GPT, Module } from '@volant/nn'
import type { Pooling } from '../encoders/pooling.js'
import type { Weights } from '../files/weights.js'
import type { TokeniserFiles } from '../tokenisers/tokeniser.js'
import type { Config } from './config.js'
import type { FusedLayers } from './fused.js'
import type { WeightNames } from './names.js'

export interface EncoderInputs {
  /** bool [B, T], true where there is a token; default everywhere. */
  readonly mask?: Value
  /** int64 [B, T]: 0 for the first text, 1 for the second of a pair; default 0. */
  readonly types?: Value
}

/** Token ids int64 [B, T] -> hidden states [B, T, width]. */
export interface EncoderNetwork extends Module<[ids: Value, inputs?: EncoderInputs]> {
  readonly width: number
  /** Tokens there are. */
  readonly vocabulary: number
  /** Tokens of the longest text. */
  readonly positions: number
  /** Multiply-adds of a forward pass per token. */
  readonly work: number
}

/** A family of pretrained models: how its config.json is read, and how its weights are called in files. */
interface Architecture<Network> {
  /** Its `model_type` in config.json. */
  readonly type: string
  network(config: Config): Network
  /** What may stand before all names, as `bert.` where a head was saved beside the encoder. */
  readonly prefixes: readonly string[]
  readonly names: WeightNames
  /** Layers that files keep as one, and what they consist of; see `separated`. */
  readonly fused?: FusedLayers
}

export interface EncoderArchitecture extends Architecture<EncoderNetwork> {
  /** How vectors of tokens become one of the text, where the architecture says it and not modules.json. */
  readonly pooling?: (config: Config) => Pooling
  /** The tokeniser as the architecture uses it. */
  readonly tokeniser?: (files: TokeniserFiles) => TokeniserFiles
}

export interface DecoderArchitecture extends Architecture<GPT> {
  /** Shows weights that files keep in another form as linear layers [outputs, inputs] under the names above. */
  readonly view?: (weights: Weights) => Weights
  /** The reverse of `view`: linear layers [outputs, inputs] by the names above as files have them. */
  readonly join?: (tensors: ReadonlyMap<string, Tensor>) => Map<string, Tensor>
}
