import { existsSync } from 'node:fs'
import path from 'node:path'
import { locateModel } from '@volant/models'
import { pullProgress } from './terminal/pull-progress.js'
import type { Terminal } from './terminal/terminal.js'

/** The folder or the file of a model by what a user calls it; fetched, with progress, where it is on the hub. */
export async function locate(
  source: string,
  terminal: Terminal,
  from: { readonly revision?: string | undefined; readonly file?: string | undefined } = {},
): Promise<string> {
  const progress = pullProgress(terminal)
  const { revision, file } = from
  try {
    return await locateModel(source, {
      ...(revision !== undefined && { revision }),
      ...(file !== undefined && { file }),
      onProgress: progress.onProgress,
      signal: terminal.signal,
    })
  } finally {
    progress.end()
  }
}

/** What a model is called in what is written of it: the path of a folder of this machine is nobody else's business. */
export const publicName = (source: string): string =>
  existsSync(source) ? path.basename(path.resolve(source)) : source
