import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { elementCount } from '@volant/graph'
import { type GgufMetadata, readGguf } from '../files/gguf.js'
import { findWeights, openWeights } from '../files/open.js'
import type { StoredTensor } from '../files/weights.js'
import { sizeOf, snapshotFiles } from './cache.js'
import { readLicence } from './licence.js'

/** What can be told of a model from its headers, without reading its weights. Null: the files do not say. */
export interface ModelDescription {
  folder: string
  architecture: string | null
  /** Numbers in tensors of floats or quantised floats. */
  parameters: number
  /** Parameters by format, such as F32 or Q4_1. */
  formats: Record<string, number>
  licence: string | null
  /** Tokens of the vocabulary. */
  tokens: number | null
  /** The longest text, in tokens. */
  positions: number | null
  /** Bytes on disk. */
  bytes: number
  files: { name: string; bytes: number }[]
}

/** Describes a model folder, or a single weight file. Throws ModelsError when it has no weights that are read. */
export async function describeModel(source: string): Promise<ModelDescription> {
  const file = await findWeights(source)
  const folder = file === source ? path.dirname(source) : source
  const files = file === source ? new Map([[path.basename(file), (await sizeOf(file))!]]) : await snapshotFiles(folder)
  const told = file.endsWith('.gguf') ? await describeGguf(file) : await describeFolder(folder, file)
  return {
    folder: source,
    ...told,
    bytes: [...files.values()].reduce((a, b) => a + b, 0),
    files: [...files].map(([name, bytes]) => ({ name, bytes })),
  }
}

type Told = Pick<ModelDescription, 'architecture' | 'parameters' | 'formats' | 'licence' | 'tokens' | 'positions'>

async function describeFolder(folder: string, file: string): Promise<Told> {
  const weights = await openWeights(file)
  await weights.close()
  const config = await readJson(path.join(folder, 'config.json'))
  const [named] = Array.isArray(config['architectures']) ? config['architectures'] : []
  return {
    architecture: textOf(named ?? config['model_type']),
    ...count(weights.tensors),
    licence: await readLicence(folder),
    tokens: numberOf(config['vocab_size']),
    positions: numberOf(config['max_position_embeddings'] ?? config['n_positions'] ?? config['n_ctx']),
  }
}

async function describeGguf(file: string): Promise<Told> {
  const weights = await readGguf(file)
  await weights.close()
  const { metadata } = weights
  const architecture = textOf(metadata.get('general.architecture'))
  const tokens = metadata.get('tokenizer.ggml.tokens')
  return {
    architecture,
    ...count(weights.tensors),
    licence: licenceOf(metadata) ?? (await readLicence(path.dirname(file))),
    tokens: Array.isArray(tokens) ? tokens.length : numberOf(metadata.get(`${architecture}.vocab_size`)),
    positions: numberOf(metadata.get(`${architecture}.context_length`)),
  }
}

const licenceOf = (metadata: GgufMetadata): string | null => textOf(metadata.get('general.license'))

/** Whole numbers and truth values are buffers such as positions, not parameters. */
function count(tensors: ReadonlyMap<string, StoredTensor>): Pick<Told, 'parameters' | 'formats'> {
  const formats: Record<string, number> = {}
  for (const { shape, format } of tensors.values())
    if (!/^[IU]\d|^BOOL/.test(format)) formats[format] = (formats[format] ?? 0) + elementCount(shape)
  return { parameters: Object.values(formats).reduce((a, b) => a + b, 0), formats }
}

async function readJson(file: string): Promise<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(await readFile(file, 'utf8'))
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
  } catch {
    return {}
  }
}

const textOf = (value: unknown): string | null => (typeof value === 'string' ? value : null)
const numberOf = (value: unknown): number | null => (typeof value === 'number' ? value : null)
