import { existsSync } from 'node:fs'
import path from 'node:path'
import { ownBase } from '../bases/own.js'
import { ModelsError } from '../errors.js'
import { type PullOptions, pullModel } from './pull.js'

export interface LocateOptions extends Pick<PullOptions, 'revision' | 'file' | 'onProgress' | 'signal' | 'settings'> {
  /** Whether a path of this machine may be named; default true. */
  readonly paths?: boolean
}

/**
 * The folder or the file of a model: a base that comes with this program by its name, else what is at this path, else it is a name
 * on the hub (`organisation/name`, or `organisation/name/file.gguf`), which is fetched unless the cache has it. Throws ModelsError
 * with the code of what failed on the hub, else `model-not-found`; the reason of `signal`.
 */
export async function locateModel(source: string, { paths = true, ...options }: LocateOptions = {}): Promise<string> {
  const own = ownBase(source)
  if (own !== undefined) return own
  if (paths && (existsSync(source) || path.isAbsolute(source) || /^\.{1,2}[\\/]/.test(source))) return source
  const [, id = source, file = options.file] = /^([^/]+\/[^/]+)\/([^/]+\.gguf)$/.exec(source) ?? []
  try {
    const { folder } = await pullModel(id, { ...options, ...(file !== undefined && { file }) })
    return file?.endsWith('.gguf') ? path.join(folder, file) : folder
  } catch (cause) {
    options.signal?.throwIfAborted()
    const { code = 'model-not-found', message } = cause as Partial<ModelsError> & Error
    throw new ModelsError(
      code,
      `"${source}" is ${paths ? 'no folder or file here, and cannot be had from' : 'not to be had from'} the hub: ${message}`,
      { source },
      { cause },
    )
  }
}
