import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Tensor } from '@volant/graph'
import type { GPT } from '@volant/nn'
import { Config, readConfig } from '../architectures/config.js'
import { readWeights } from '../architectures/names.js'
import { decoderOf } from '../architectures/registry.js'
import { readGguf } from '../files/gguf.js'
import { findWeights, openWeights } from '../files/open.js'
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
  /** Of `decoderNetwork(description)`, by path. */
  weights(): Promise<Map<string, Tensor>>
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
  const architecture = decoderOf(config)
  const tokeniser = await readTokeniser(folder)
  const generation = await readFile(join(folder, 'generation_config.json'), 'utf8').then(JSON.parse, () => ({}))
  const description = {
    name,
    config: config.values,
    tokeniser,
    ends: endsOf(tokeniser, [config.values['eos_token_id'], generation['eos_token_id']]),
  }
  new Tokeniser(tokeniser).checkFits(architecture.network(config).options.vocabulary)
  return {
    description,
    async weights() {
      const file = await openWeights(folder)
      try {
        return await readWeights(decoderNetwork(description), architecture, architecture.view?.(file) ?? file, folder)
      } finally {
        await file.close()
      }
    },
  }
}

async function openGgufDecoder(path: string, name: string): Promise<PretrainedDecoder> {
  const header = await readGguf(path)
  await header.close()
  const config = ggufConfig(header, path)
  const tokeniser = fromGguf(header.metadata)
  const description = {
    name,
    config: config.values,
    tokeniser,
    ends: endsOf(tokeniser, [config.values['eos_token_id']]),
  }
  const network = decoderNetwork(description)
  new Tokeniser(tokeniser).checkFits(network.options.vocabulary)
  return {
    description,
    async weights() {
      const file = await readGguf(path)
      try {
        return await readWeights(network, decoderOf(config), asFolder(file, config), path)
      } finally {
        await file.close()
      }
    },
  }
}

/** The network that a description tells of; trained like any other. */
export function decoderNetwork({ name, config }: Pick<DecoderDescription, 'name' | 'config'>): GPT {
  const given = new Config(config, `${name}/config.json`)
  return decoderOf(given).network(given)
}

/** What the files name as the end of a text, and the tokeniser's own. */
function endsOf(files: TokeniserFiles, named: readonly unknown[]): number[] {
  const own = new Tokeniser(files).special['eos']
  return [...new Set([...named, own].flat())].filter((id): id is number => typeof id === 'number')
}
