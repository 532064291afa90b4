import type { Tensor } from '@volant/graph'
import { hashWeights } from '../adapters/base.js'
import type { EncoderArchitecture, EncoderNetwork } from '../architectures/architecture.js'
import { Config, readConfig } from '../architectures/config.js'
import { separated } from '../architectures/fused.js'
import { readWeights } from '../architectures/names.js'
import { encoderOf, networkOf } from '../architectures/registry.js'
import { openWeights } from '../files/open.js'
import { refuseQuantised } from '../files/row-scales.js'
import { readLicence } from '../hub/licence.js'
import { readTokeniser } from '../tokenisers/open.js'
import { Tokeniser, type TokeniserFiles } from '../tokenisers/tokeniser.js'
import { openPooling, type Pooling } from './pooling.js'

/** What an encoder was read from. */
export interface BaseModel {
  /** A folder, a name on a hub, or one of our own. */
  readonly name: string
  /** Of its weights. */
  readonly sha256: string
  /** As its model card says; absent where it does not. */
  readonly licence?: string
}

/** All that is to be known of a pretrained encoder besides its weights; plain JSON. */
export interface EncoderDescription {
  readonly base: BaseModel
  /** config.json. */
  readonly config: Readonly<Record<string, unknown>>
  readonly tokeniser: TokeniserFiles
  readonly pooling: Pooling
  /** Texts are cut after this many tokens. */
  readonly longest: number
}

export interface PretrainedEncoder {
  readonly description: EncoderDescription
  /** Of `encoderNetwork(description)`, by path. */
  weights(): Promise<Map<string, Tensor>>
}

/**
 * Opens a model folder of the Hugging Face or sentence-transformers layout: config.json, a tokeniser, weights, and for the latter
 * modules.json, which says how token vectors become one of the text. Throws ModelsError.
 */
export async function openEncoder(folder: string, name = folder): Promise<PretrainedEncoder> {
  const config = await readConfig(folder)
  const architecture = encoderOf(config)
  refuseQuantised(config)
  const network = networkOf(architecture, config)
  const files = await readTokeniser(folder)
  const tokeniser = architecture.tokeniser?.(files) ?? files
  new Tokeniser(tokeniser).checkFits(network.vocabulary)
  const told = architecture.pooling?.(config)
  const { pooling, longest } = told ? { pooling: told, longest: network.positions } : await openPooling(folder)
  const licence = await readLicence(folder)
  const description: EncoderDescription = {
    base: { name, sha256: await hashWeights(folder), ...(licence !== null && { licence }) },
    config: config.values,
    tokeniser,
    pooling,
    longest: Math.min(network.positions, longest),
  }
  return {
    description,
    async weights() {
      const weights = await openWeights(folder)
      try {
        const shown = architecture.fused ? separated(weights, architecture.fused) : weights
        return await readWeights(encoderNetwork(description), architecture, shown, folder)
      } finally {
        await weights.close()
      }
    },
  }
}

type Described = Pick<EncoderDescription, 'base' | 'config'>

const configOf = ({ base, config }: Described) => new Config(config, `${base.name}/config.json`)

/** The architecture that a description tells of. Throws ModelsError `unknown-architecture`. */
export const architectureOf = (description: Described): EncoderArchitecture => encoderOf(configOf(description))

/** The network that a description tells of. */
export const encoderNetwork = (description: Described): EncoderNetwork =>
  networkOf(architectureOf(description), configOf(description))
