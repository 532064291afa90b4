import { mkdir, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

/** Writes text, or a value as JSON, to a file of a folder. */
export type WriteFile = (name: string, value: unknown) => Promise<void>

/** Makes a folder beside `folder` and puts it there when all is written: what is at `folder` is replaced whole or not at all. */
export async function writeFolder(
  folder: string,
  fill: (partial: string, write: WriteFile) => Promise<void>,
): Promise<void> {
  const partial = `${folder}.partial`
  await rm(partial, { recursive: true, force: true })
  await mkdir(partial, { recursive: true })
  await fill(partial, (name, value) =>
    writeFile(join(partial, name), typeof value === 'string' ? value : `${JSON.stringify(value, null, 2)}\n`),
  )
  await rm(folder, { recursive: true, force: true })
  await rename(partial, folder)
}
