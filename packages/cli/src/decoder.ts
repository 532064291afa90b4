import { existsSync } from 'node:fs'
import { openDecoder, type PretrainedDecoder } from '@volant/models'
import { locate } from './locate.js'
import type { Terminal } from './terminal/terminal.js'
import { Usage } from './usage.js'

/** The decoder of a folder or a file that is there, else of the hub, fetched unless the cache has it. */
export async function openModel(
  model: string,
  from: { revision: string | undefined; file: string | undefined },
  terminal: Terminal,
): Promise<PretrainedDecoder> {
  if (existsSync(model))
    for (const option of ['revision', 'file'] as const)
      if (from[option] !== undefined) throw new Usage(`${model} is here, --${option} is for names on the hub`)
  return openDecoder(await locate(model, terminal, from), model)
}
