import { NnError } from '@volant/nn'
import { ModelsError } from '../errors.js'
import { albert } from './albert.js'
import type { DecoderArchitecture, EncoderArchitecture } from './architecture.js'
import { bert } from './bert.js'
import type { Config } from './config.js'
import { distilbert } from './distilbert.js'
import { electra } from './electra.js'
import { gpt2 } from './gpt2.js'
import { llama, mistral, qwen2, qwen3 } from './llama.js'
import { modernBert } from './modernbert.js'
import { camembert, roberta, xlmRoberta } from './roberta.js'
import { staticEmbeddings } from './static.js'

const encoders = new Map(
  [bert, roberta, xlmRoberta, camembert, distilbert, electra, albert, modernBert, staticEmbeddings].map((one) => [
    one.type,
    one,
  ]),
)

/** The encoder architecture of a config.json. Throws ModelsError `unknown-architecture`, which lists the known ones. */
export function encoderOf(config: Config): EncoderArchitecture {
  return known(encoders, config, 'an encoder')
}

const decoders = new Map<string, DecoderArchitecture>(
  [gpt2, llama, mistral, qwen2, qwen3].map((one) => [one.type, one]),
)

/** The decoder architecture of a config.json. Throws ModelsError `unknown-architecture`, which lists the known ones. */
export function decoderOf(config: Config): DecoderArchitecture {
  return known(decoders, config, 'a decoder')
}

/**
 * Which of the two reads a config.json: an encoder makes vectors of a text, a decoder writes on. Throws ModelsError
 * `unknown-architecture`.
 */
export function kindOf(config: Config): 'encoder' | 'decoder' {
  if (decoders.has(config.text('model_type'))) return 'decoder'
  known(new Map<string, unknown>([...encoders, ...decoders]), config, 'an encoder or a decoder')
  return 'encoder'
}

/** The network of a config.json. Throws ModelsError `bad-config` where its numbers do not fit together, as heads and width. */
export function networkOf<Network>(architecture: { network(config: Config): Network }, config: Config): Network {
  try {
    return architecture.network(config)
  } catch (cause) {
    if (!(cause instanceof NnError)) throw cause
    throw new ModelsError(
      'bad-config',
      `${config.source} describes a network that cannot be: ${cause.message}.`,
      { ...cause.details },
      { cause },
    )
  }
}

function known<Architecture>(all: ReadonlyMap<string, Architecture>, config: Config, kind: string): Architecture {
  const type = config.text('model_type')
  const found = all.get(type)
  if (found) return found
  throw new ModelsError(
    'unknown-architecture',
    `${config.source}: the architecture "${type}" is not known as ${kind}; known are ${[...all.keys()].join(', ')}.`,
    { type, known: [...all.keys()] },
  )
}
