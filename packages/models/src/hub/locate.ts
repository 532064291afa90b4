import { existsSync } from 'node:fs'
import path from 'node:path'
import { ModelsError } from '../errors.js'
import { type PullOptions, pullModel } from './pull.js'

/**
 * The folder or the file of a model: what is at this path, else it is a name on the hub (`organisation/name`, or
 * `organisation/name/file.gguf`), which is fetched unless the cache has it. Throws ModelsError `model-not-found`.
 */
export async function locateModel(
  source: string,
  options: Pick<PullOptions, 'onProgress' | 'signal' | 'settings'> = {},
): Promise<string> {
  if (existsSync(source) || path.isAbsolute(source) || /^\.{1,2}[\\/]/.test(source)) return source
  const [, id = source, file] = /^([^/]+\/[^/]+)\/([^/]+\.gguf)$/.exec(source) ?? []
  try {
    const { folder } = await pullModel(id, { ...options, ...(file && { file }) })
    return file ? path.join(folder, file) : folder
  } catch (cause) {
    options.signal?.throwIfAborted()
    throw new ModelsError(
      'model-not-found',
      `"${source}" is no folder or file here, and cannot be had from the hub: ${(cause as Error).message}`,
      { source },
      { cause },
    )
  }
}
