import type { Tensor } from '@volant/graph'
import { walk } from '@volant/nn'
import { hashWeights } from '../adapters/base.js'
import type { BertNetwork } from '../architectures/bert-network.js'
import { readConfig } from '../architectures/config.js'
import { parameterNames, readWeights, type WeightNames, writtenTensor } from '../architectures/names.js'
import { type DecoderDescription, decoderNetwork, openDecoder } from '../decoders/pretrained.js'
import { writeDecoder } from '../decoders/write.js'
import { type EncoderDescription, encoderNetwork, openEncoder } from '../encoders/pretrained.js'
import { writeEncoder } from '../encoders/write.js'
import { ModelsError } from '../errors.js'
import { openWeights } from '../files/open.js'
import { Tokeniser } from '../tokenisers/tokeniser.js'
import { trainTokeniser } from '../tokenisers/train/train.js'
import { causalObjective } from './causal.js'
import { familyOf, type Sizes } from './families.js'
import { MaskedLanguageModel, maskedObjective } from './masked.js'
import { maskTokens } from './masking.js'
import type { Objective } from './objective.js'
import { ReplacedTokenModel, replacedObjective } from './replaced.js'
import type { PretrainSettings } from './settings.js'

/** What pre-training begins with. */
export interface Start {
  readonly architecture: string
  readonly tokeniser: Tokeniser
  readonly objective: Objective
  /** The token after each text. */
  readonly end: number
  /** First weights of the objective's model by path, as far as they are known. */
  readonly initial: ReadonlyMap<string, Tensor>
  readonly base: { readonly name: string; readonly sha256: string } | undefined
  /** Writes the model folder, of weights of the objective's model by path. */
  save(folder: string, weights: ReadonlyMap<string, Tensor>, card?: string): Promise<void>
}

const usualVocabulary = 8000
const usual: Sizes = { layers: 4, width: 256, heads: 4, context: 128 }

/** Tokens of a row of an encoder: its first, its last, and one to learn from. */
const leastRow = 3

/** A new network with a tokeniser of its own, or the base. */
export const startOf = (settings: PretrainSettings): Promise<Start> =>
  settings.base === undefined ? fromNothing(settings) : fromBase(settings, settings.base)

async function fromNothing(settings: PretrainSettings): Promise<Start> {
  const { architecture = '', vocabulary, onEvent } = settings
  const family = familyOf(architecture)
  const sizes = { ...usual, ...defined(settings) }
  checkSizes(sizes)
  const tokeniser = await trainTokeniser(settings.texts(architecture), {
    ...family.tokeniser,
    vocabularySize: vocabulary ?? usualVocabulary,
    alphabetLimit: 1000,
    onProgress: (progress) => {
      settings.signal?.throwIfAborted()
      onEvent?.({ type: 'tokeniser', progress })
    },
  })
  if (vocabulary !== undefined && tokeniser.vocabularySize !== vocabulary)
    throw new ModelsError(
      'vocabulary-too-large',
      `The texts give a vocabulary of ${tokeniser.vocabularySize} tokens, not ${vocabulary}; ask for ${tokeniser.vocabularySize}, or give more texts.`,
      { found: tokeniser.vocabularySize, expected: vocabulary },
    )
  const name = `new ${architecture}`
  const described = {
    config: { model_type: architecture, architectures: [family.model], ...family.config(sizes, tokeniser) },
    tokeniser: tokeniser.files,
  }
  const { context } = sizes
  const { dropout = 0 } = settings
  if (family.task === 'causal')
    return decoderStart({ ...described, name, ends: [tokeniser.special.eos!] }, { architecture, context, dropout })
  const pooling = { mode: 'mean', normalise: false } as const
  return encoderStart(
    { ...described, base: { name, sha256: '' }, pooling, longest: context },
    { architecture, context, dropout },
  )
}

const defined = ({ layers, width, heads, context }: PretrainSettings): Partial<Sizes> =>
  Object.fromEntries(Object.entries({ layers, width, heads, context }).filter(([, value]) => value !== undefined))

function checkSizes({ width, heads }: Sizes): void {
  if (heads < 1 || (width % heads === 0 && (width / heads) % 2 === 0)) return
  throw new ModelsError(
    'bad-sizes',
    `A width of ${width} cannot be divided by ${heads} heads into even parts; take a width that is a multiple of ${2 * heads}.`,
    { width, heads },
  )
}

async function fromBase(settings: PretrainSettings, folder: string): Promise<Start> {
  const architecture = (await readConfig(folder)).text('model_type')
  const { architecture: wanted = architecture } = settings
  const family = familyOf(wanted)
  if (wanted !== architecture)
    throw new ModelsError(
      'other-architecture',
      `The base "${folder}" is of the architecture "${architecture}", not "${wanted}"; leave out the architecture, or name another base.`,
      { found: architecture, expected: wanted },
    )
  const base = { name: folder, sha256: await hashWeights(folder) }
  const { context = usual.context, dropout = 0 } = settings
  const begin = { architecture, context, dropout, base }
  if (family.task === 'causal') {
    const decoder = await openDecoder(folder)
    return decoderStart(decoder.description, { ...begin, weights: await decoder.weights() })
  }
  const { description, weights } = await openEncoder(folder)
  const config = { ...description.config, architectures: [family.model] }
  return encoderStart({ ...description, config }, { ...begin, weights: await weights(), folder })
}

interface Begin {
  readonly architecture: string
  readonly context: number
  readonly dropout: number
  readonly base?: Start['base']
  readonly weights?: ReadonlyMap<string, Tensor>
  /** Where the head's weights may be. */
  readonly folder?: string
}

function decoderStart(description: DecoderDescription, { architecture, base, weights, ...begin }: Begin): Start {
  const { dropout } = begin
  const network = decoderNetwork(description, { dropout, attentionDropout: dropout })
  const tokeniser = new Tokeniser(description.tokeniser)
  return {
    architecture,
    tokeniser,
    objective: causalObjective(network, Math.min(begin.context, network.options.context)),
    end: endOf(tokeniser, description.ends[0]),
    initial: weights ?? new Map(),
    base,
    save: (folder, trained, card) => writeDecoder(folder, { description, weights: trained }, card),
  }
}

async function encoderStart(description: EncoderDescription, begin: Begin): Promise<Start> {
  const { architecture, dropout, base, weights = new Map<string, Tensor>(), folder } = begin
  const { task, head } = familyOf(architecture)
  const { options } = encoderNetwork(description) as BertNetwork
  const network = { ...options, dropout, attentionDropout: dropout }
  const tokeniser = new Tokeniser(description.tokeniser)
  const length = Math.min(begin.context, description.longest)
  if (length < leastRow)
    throw new ModelsError('bad-sizes', `A context of ${length} has no room for a text; take at least ${leastRow}.`, {
      context: length,
    })
  const frame = {
    length,
    first: endOf(tokeniser, tokeniser.special.cls),
    last: endOf(tokeniser, tokeniser.special.sep),
  }
  const tokens = maskTokens(tokeniser)
  const objective =
    task === 'masked'
      ? maskedObjective(new MaskedLanguageModel(network), frame, tokens)
      : replacedObjective(new ReplacedTokenModel(network), frame, tokens)
  const ofHead = folder === undefined ? new Map() : await readHead(folder, objective.model, head)
  return {
    architecture,
    tokeniser,
    objective,
    end: frame.last,
    initial: new Map([...[...weights].map(([path, tensor]) => [`encoder.${path}`, tensor] as const), ...ofHead]),
    base,
    save(to, trained, card) {
      const own = [...trained].filter(([path]) => path.startsWith('encoder.'))
      const headed = [...trained].filter(([path]) => path.startsWith('head.'))
      const weights = new Map(own.map(([path, tensor]) => [path.slice('encoder.'.length), tensor]))
      return writeEncoder(
        to,
        { description, weights: async () => weights },
        { card, head: new Map(headed.map(([path, tensor]) => writtenTensor(path, tensor, head))) },
      )
    },
  }
}

function endOf(tokeniser: Tokeniser, id: number | undefined): number {
  if (id !== undefined) return id
  throw new ModelsError(
    'no-end-token',
    'The tokeniser has no token that stands between texts, such as [SEP] or <|endoftext|>; take another base.',
    { special: tokeniser.special },
  )
}

/** The weights of a head that a folder keeps beside the encoder; none where it keeps none. */
async function readHead(folder: string, model: object, names: WeightNames): Promise<Map<string, Tensor>> {
  const { head } = model as { head: object }
  const weights = await openWeights(folder)
  try {
    const paths = [...walk({ head }).parameters.values()]
    const isThere = paths.every((path) => parameterNames(path, names).some((name) => weights.tensors.has(name)))
    return isThere ? await readWeights({ head }, { prefixes: [], names }, weights, folder) : new Map()
  } finally {
    await weights.close()
  }
}
