import { existsSync } from 'node:fs'
import { VolantError } from '@volant/data'
import { checkReplaceable } from '@volant/models'

/** Refuses an --out that is there, unless it is to be replaced. */
export function checkFree(out: string, force = false): void {
  if (existsSync(out) && !force)
    throw new VolantError('file-exists', `${out} exists already. Name another --out, or add --force to replace it.`)
}

/** As `checkFree`; what is no model folder is never replaced by one. Called before any work is done. */
export async function checkFolder(out: string, force?: boolean): Promise<void> {
  checkFree(out, force)
  await checkReplaceable(out)
}
