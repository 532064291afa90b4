import { availableParallelism } from 'node:os'
import {
  type EmbedOptions,
  openEncoder,
  type PretrainedEncoder,
  TextEmbedder,
  withEncoderAdapter,
} from '@volant/models'
import { locate } from '../locate.js'
import type { OptionValues } from '../options.js'
import type { Terminal } from '../terminal/terminal.js'
import { Usage } from '../usage.js'

/** The encoder of a base that comes with this program, of a folder that is there, else of the hub. */
export async function openBase(base: string | undefined, terminal: Terminal): Promise<PretrainedEncoder> {
  if (base === undefined) throw new Usage('--base is needed: english, a model folder, or a name on the hub')
  return openEncoder(await locate(base, terminal), base)
}

/** What turns texts into vectors by the options of a command. */
export async function openEmbedder(
  {
    base,
    adapter,
    quantise,
    threads = availableParallelism(),
  }: OptionValues<'base' | 'adapter' | 'quantise' | 'threads'>,
  terminal: Terminal,
): Promise<TextEmbedder> {
  if (quantise === '4bit') throw new Usage('encoders take --quantise int8, not 4bit')
  if (adapter && adapter.length > 1) throw new Usage('vectors are made with one --adapter')
  const plain = await openBase(base, terminal)
  const encoder = adapter ? await withEncoderAdapter(plain, adapter[0]!.folder) : plain
  return TextEmbedder.open(encoder, { threads, ...(quantise && { quantise }) })
}

/** Vectors of length 1. */
export type Embed = (texts: readonly string[]) => Promise<Float32Array[]>

export const embedWith =
  (embedder: TextEmbedder, options: Pick<EmbedOptions, 'signal' | 'onProgress'>): Embed =>
  async (texts) =>
    (await embedder.embed(texts, { ...options, normalise: true })).vectors
