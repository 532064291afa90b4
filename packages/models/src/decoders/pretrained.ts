import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Tensor } from '@volant/graph'
import { FourBitWeight, fourBitTensors, GPT, type GptOptions, useFourBits, walk } from '@volant/nn'
import { hashWeights } from '../adapters/base.js'
import type { DecoderArchitecture } from '../architectures/architecture.js'
import { Config, readConfig } from '../architectures/config.js'
import { type WeightReader, weightReader } from '../architectures/names.js'
import { decoderOf, networkOf } from '../architectures/registry.js'
import { readGguf } from '../files/gguf.js'
import { parseObject } from '../files/json.js'
import { findWeights, openWeights } from '../files/open.js'
import { refuseQuantised } from '../files/row-scales.js'
import type { Weights } from '../files/weights.js'
import { fromGguf } from '../tokenisers/convert/gguf.js'
import { readTokeniser } from '../tokenisers/open.js'
import { Tokeniser, type TokeniserFiles } from '../tokenisers/tokeniser.js'
import { asFolder, ggufConfig } from './gguf.js'

/** All that is to be known of a pretrained decoder besides its weights; plain JSON. */
export interface DecoderDescription {
  /** What it was read from. */
  readonly name: string
  /** config.json, or what a GGUF file says in its place. */
  readonly config: Readonly<Record<string, unknown>>
  /** With the chat template, where there is one. */
  readonly tokeniser: TokeniserFiles
  /** Tokens that end a text. */
  readonly ends: readonly number[]
}

export interface PretrainedDecoder {
  readonly description: DecoderDescription
  /** sha256 of its weight files, which adapters are bound to; see `hashWeights`. */
  hash(): Promise<string>
  /**
   * Of `decoderNetwork(description)`, by path; or of such a network of which layers have weights of 4 bits (`useFourBits`), which
   * are made one by one as they are read.
   */
  weights(network?: GPT): Promise<Map<string, Tensor>>
  /** Opens the weight files while `use` reads of them what it needs. */
  reading<Result>(use: (reader: WeightReader) => Promise<Result>): Promise<Result>
}

/**
 * Opens a decoder: a model folder of the Hugging Face layout (config.json, a tokeniser, weights) or one GGUF file.
 * Throws ModelsError, among others `unknown-architecture`, which lists the known ones.
 */
export async function openDecoder(source: string, name = source): Promise<PretrainedDecoder> {
  const isFile = (await stat(source).catch(() => undefined))?.isFile() ?? false
  return isFile ? openGgufDecoder(await findWeights(source), name) : openFolder(source, name)
}

async function openFolder(folder: string, name: string): Promise<PretrainedDecoder> {
  const config = await readConfig(folder)
  refuseQuantised(config)
  const tokeniser = await readTokeniser(folder)
  const file = join(folder, 'generation_config.json')
  const generation = parseObject(await readFile(file, 'utf8').catch(() => '{}'), file)
  const ends = endsOf(tokeniser, [config.values['eos_token_id'], generation['eos_token_id']])
  const { view } = decoderOf(config)
  return pretrained({ name, config: config.values, tokeniser, ends }, folder, async () => {
    const file = await openWeights(folder)
    return view?.(file) ?? file
  })
}

async function openGgufDecoder(path: string, name: string): Promise<PretrainedDecoder> {
  const file = await readGguf(path)
  const config = await ggufConfig(file, path).finally(() => file.close())
  const tokeniser = fromGguf(file.metadata)
  const ends = endsOf(tokeniser, [config.values['eos_token_id']])
  return pretrained({ name, config: config.values, tokeniser, ends }, path, async () =>
    asFolder(await readGguf(path), config),
  )
}

/** @param open opens the weights, by the names that folders have */
function pretrained(description: DecoderDescription, source: string, open: () => Promise<Weights>): PretrainedDecoder {
  const network = decoderNetwork(description)
  new Tokeniser(description.tokeniser).checkFits(network.options.vocabulary)
  const reading = async <Result>(use: (reader: WeightReader) => Promise<Result>) => {
    const file = await open()
    try {
      return await use(weightReader(network, architectureOf(description), file, source))
    } finally {
      await file.close()
    }
  }
  return {
    description,
    reading,
    hash: () => hashWeights(source),
    weights: (own = network) => reading((reader) => readAll(own, reader)),
  }
}

async function readAll(network: GPT, reader: WeightReader): Promise<Map<string, Tensor>> {
  const { parameters, modules } = walk(network)
  const weights = new Map<string, Tensor>()
  for (const [layer, path] of modules)
    if (layer instanceof FourBitWeight)
      for (const [name, tensor] of fourBitTensors(path, await reader.readTurned(path))) weights.set(name, tensor)
  for (const path of parameters.values()) if (!weights.has(path)) weights.set(path, await reader.read(path))
  return weights
}

/** The network that a description tells of, with other settings where `changes` says so; trained like any other. */
export function decoderNetwork(description: Described, changes: Partial<GptOptions> = {}): GPT {
  const network = networkOf(architectureOf(description), configOf(description))
  return Object.keys(changes).length === 0 ? network : new GPT({ ...network.options, ...changes })
}

/** Such a network with the weights of all linear layers in 4 bits; a table of tokens that is the last layer too stays as it is. */
export function fourBitNetwork(description: Described, changes: Partial<GptOptions> = {}): GPT {
  const network = decoderNetwork(description, changes)
  useFourBits(network, network.head ? ['**'] : ['decoder.**'])
  return network
}

/** The architecture that a description tells of. Throws ModelsError `unknown-architecture`. */
export const architectureOf = (description: Described): DecoderArchitecture => decoderOf(configOf(description))

type Described = Pick<DecoderDescription, 'name' | 'config'>

const configOf = ({ name, config }: Described) => new Config(config, `${name}/config.json`)

/** What the files name as the end of a text, and the tokeniser's own. */
function endsOf(files: TokeniserFiles, named: readonly unknown[]): number[] {
  const own = new Tokeniser(files).special['eos']
  return [...new Set([...named, own].flat())].filter((id): id is number => typeof id === 'number')
}
