import { ModelsError } from '../errors.js'
import { albert } from './albert.js'
import type { EncoderArchitecture } from './architecture.js'
import { bert } from './bert.js'
import type { Config } from './config.js'
import { distilbert } from './distilbert.js'
import { electra } from './electra.js'
import { camembert, roberta, xlmRoberta } from './roberta.js'

const encoders = new Map(
  [bert, roberta, xlmRoberta, camembert, distilbert, electra, albert].map((one) => [one.type, one]),
)

/** The encoder architecture of a config.json. Throws ModelsError `unknown-architecture`, which lists the known ones. */
export function encoderOf(config: Config): EncoderArchitecture {
  const type = config.text('model_type')
  const found = encoders.get(type)
  if (found) return found
  throw new ModelsError(
    'unknown-architecture',
    `${config.source}: the architecture "${type}" is not known as an encoder; known are ${[...encoders.keys()].join(', ')}.`,
    { type, known: [...encoders.keys()] },
  )
}
