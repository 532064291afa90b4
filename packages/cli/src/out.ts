import { existsSync } from 'node:fs'
import { VolantError } from '@volant/data'
import { checkReplaceable } from '@volant/models'

/** Refuses an --out that is there, unless it is to be replaced. */
export function checkFree(out: string, force = false): void {
  if (existsSync(out) && !force)
    throw new VolantError('file-exists', `${out} exists already. Name another --out, or add --force to replace it.`)
}

/** Where long work to be written to `out` keeps what it goes on from after Ctrl-C. */
export const unfinishedOf = (out: string): string => `${out}.unfinished`

/** An error, or where `signal` was its cause and `state` is there to go on from, one that says so. */
export function stopped(error: unknown, signal: AbortSignal, what: string, state: string): unknown {
  if (!signal.aborted || !existsSync(state)) return error
  return new VolantError('cancelled', `${what}; the same command goes on from "${state}".`)
}

/** As `checkFree`; what is no model folder is never replaced by one. Called before any work is done. */
export async function checkFolder(out: string, force?: boolean): Promise<void> {
  checkFree(out, force)
  await checkReplaceable(out)
}
