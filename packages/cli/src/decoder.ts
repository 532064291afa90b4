import { existsSync } from 'node:fs'
import path from 'node:path'
import { openDecoder, type PretrainedDecoder, pullModel } from '@volant/models'
import { pullProgress } from './terminal/pull-progress.js'
import type { Terminal } from './terminal/terminal.js'
import { Usage } from './usage.js'

/** The decoder of a folder or a file that is there, else of the hub, fetched unless the cache has it. */
export async function openModel(
  model: string,
  from: { revision: string | undefined; file: string | undefined },
  terminal: Terminal,
): Promise<PretrainedDecoder> {
  if (existsSync(model)) {
    for (const option of ['revision', 'file'] as const)
      if (from[option] !== undefined) throw new Usage(`${model} is here, --${option} is for names on the hub`)
    return openDecoder(model)
  }
  const progress = pullProgress(terminal)
  try {
    const { folder } = await pullModel(model, { ...from, onProgress: progress.onProgress, signal: terminal.signal })
    return await openDecoder(from.file?.endsWith('.gguf') ? path.join(folder, from.file) : folder, model)
  } finally {
    progress.end()
  }
}
