import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { ModelsError } from '../errors.js'

/** Writes text, or a value as JSON, to a file of a folder. */
export type WriteFile = (name: string, value: unknown) => Promise<void>

/**
 * Makes a folder beside `folder` and puts it there when all is written; what was there steps aside first, so that it is replaced
 * whole or not at all. Throws ModelsError `out-occupied`; see `checkReplaceable`.
 */
export async function writeFolder(
  folder: string,
  fill: (partial: string, write: WriteFile) => Promise<void>,
): Promise<void> {
  const target = resolve(folder)
  await checkReplaceable(target)
  const partial = `${target}.partial`
  try {
    await rm(partial, { recursive: true, force: true })
    await mkdir(partial, { recursive: true })
    await fill(partial, (name, value) =>
      writeFile(join(partial, name), typeof value === 'string' ? value : `${JSON.stringify(value, null, 2)}\n`),
    )
    await replace(target, partial)
  } catch (error) {
    await rm(partial, { recursive: true, force: true })
    throw writeFailure(error, target)
  }
}

/** A folder cannot be renamed onto one with files in it: the former one steps aside, and is put back if need be. */
async function replace(target: string, partial: string): Promise<void> {
  const former = `${target}.former`
  await rm(former, { recursive: true, force: true })
  await rename(target, former).catch(ignoreAbsent)
  try {
    await rename(partial, target)
  } catch (error) {
    await rename(former, target).catch(ignoreAbsent)
    throw error
  }
  await rm(former, { recursive: true, force: true })
}

/** What the operating system said of a write, as our error. */
function writeFailure(cause: unknown, target: string): unknown {
  const { code } = cause as NodeJS.ErrnoException
  if (!['ENOSPC', 'EDQUOT', 'EACCES', 'EPERM', 'EROFS'].includes(code ?? '')) return cause
  const isFull = code === 'ENOSPC' || code === 'EDQUOT'
  return new ModelsError(
    isFull ? 'disk-full' : 'not-writable',
    isFull
      ? `There is no room on the disk to write "${target}" (${code}); free some space, or name a folder on another disk.`
      : `"${target}" cannot be written (${code}); name a folder that can.`,
    { path: target },
    { cause },
  )
}

/** Files by which a folder is known to hold a model or an adapter. */
const signs = ['config.json', 'adapter_config.json', 'model.json']

/**
 * Refuses a place for a model folder that holds something else: replacing it would lose that. Nothing, an empty folder and a folder of
 * a model or an adapter may be replaced. Throws ModelsError `out-occupied`.
 */
export async function checkReplaceable(folder: string): Promise<void> {
  const names = await readdir(folder).catch((error) => (error.code === 'ENOTDIR' ? undefined : ignoreAbsent(error)))
  if (names === null || names?.length === 0 || names?.some((name) => signs.includes(name))) return
  const found = names === undefined ? 'a file' : `a folder that holds no model but ${names.slice(0, 3).join(', ')}`
  throw new ModelsError(
    'out-occupied',
    `"${folder}" is ${found}; name a new folder, or one of a model to be replaced.`,
    {
      path: folder,
    },
  )
}

function ignoreAbsent(error: NodeJS.ErrnoException): null {
  if (error.code !== 'ENOENT') throw error
  return null
}
