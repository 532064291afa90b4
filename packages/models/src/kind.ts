import { stat } from 'node:fs/promises'
import { readConfig } from './architectures/config.js'
import { kindOf } from './architectures/registry.js'

/**
 * Whether a model folder is for `openEncoder` or `openDecoder`; a GGUF file is a decoder.
 * Throws ModelsError, among others `unknown-architecture`, which lists the known ones.
 */
export async function modelKind(source: string): Promise<'encoder' | 'decoder'> {
  const isFile = (await stat(source).catch(() => undefined))?.isFile() ?? false
  return isFile ? 'decoder' : kindOf(await readConfig(source))
}
