import { existsSync } from 'node:fs'
import { VolantError } from '@volant/data'
import { ModelsError, openEncoder, type PretrainedEncoder, pullModel } from '@volant/models'
import type { Spec } from '../spec/schema.js'
import type { Progress } from './events.js'

/**
 * The pretrained model of `train.base`: a folder that is there, else a model of the hub, which is fetched unless the cache has it.
 * Throws VolantError.
 */
export async function openBase(
  { train: { base } }: Spec,
  { baseFolders = true, signal }: { readonly baseFolders?: boolean; readonly signal?: AbortSignal },
  progress: Progress,
): Promise<PretrainedEncoder | undefined> {
  if (base === undefined) return undefined
  try {
    if (baseFolders && existsSync(base)) return await openEncoder(base)
    progress.enter('read', `Looking for ${base}`)
    const { folder } = await pullModel(base, {
      signal,
      onProgress: ({ bytes, total }) => progress.advance(total > 0 ? bytes / total : 0),
    })
    return await openEncoder(folder, base)
  } catch (error) {
    if (!(error instanceof ModelsError)) throw error
    throw new VolantError(error.code, `train.base: ${error.message}`, error.details, { cause: error })
  }
}
