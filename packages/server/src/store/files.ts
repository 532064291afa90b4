import { open, rename, rm } from 'node:fs/promises'
import path from 'node:path'
import { VolantError } from '@volant/data'

/** Writes a small file whole or not at all: temporary file, fsync, rename, fsync of the folder. */
export async function writeWhole(file: string, content: string | Uint8Array, mode = 0o644): Promise<void> {
  const temporary = `${file}.${process.pid}.part`
  try {
    const handle = await open(temporary, 'w', mode)
    try {
      await handle.writeFile(content)
      await handle.sync()
    } finally {
      await handle.close()
    }
    await rename(temporary, file)
    await syncFolder(path.dirname(file))
  } catch (error) {
    await rm(temporary, { force: true })
    throw diskError(error, file)
  }
}

/** Makes names just put into a folder durable. Windows cannot open folders and needs no such call. */
export async function syncFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') return
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** True when the disk, the quota or the largest file size is reached. */
function isFull(error: unknown): boolean {
  return /^(ENOSPC|EDQUOT|EFBIG)$/.test((error as NodeJS.ErrnoException)?.code ?? '')
}

/** A full disk as `disk-full` {file}; other errors unchanged. */
export function diskError(error: unknown, file: string): unknown {
  if (!isFull(error)) return error
  const sentence = `The disk is full: "${file}" could not be written and nothing of it was kept. Free some space and repeat.`
  return new VolantError('disk-full', sentence, { file }, { cause: error })
}
