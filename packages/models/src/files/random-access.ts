import { type FileHandle, open } from 'node:fs/promises'
import { ModelsError } from '../errors.js'

/** One call of read takes at most 2^31 - 1 bytes. */
const LARGEST_READ = 2 ** 30

/** A file that is read by position, never as a whole, so that its size does not matter. */
export class RandomAccessFile {
  private constructor(
    readonly path: string,
    readonly size: number,
    private readonly handle: FileHandle,
  ) {}

  static async open(path: string): Promise<RandomAccessFile> {
    try {
      const handle = await open(path)
      const stat = await handle.stat()
      if (stat.isFile()) return new RandomAccessFile(path, stat.size, handle)
      await handle.close()
    } catch (cause) {
      throw unreadable(path, cause)
    }
    throw new ModelsError('weights-unreadable', `"${path}" is not a file.`, { path })
  }

  /** Fills `into` with the bytes from `position` on. Throws ModelsError where the file ends before. */
  async read(position: number, into: Uint8Array): Promise<void> {
    let done = 0
    while (done < into.byteLength) {
      const length = Math.min(LARGEST_READ, into.byteLength - done)
      const { bytesRead } = await this.handle.read(into, done, length, position + done).catch((cause) => {
        throw unreadable(this.path, cause)
      })
      if (bytesRead === 0) throw this.cutShort(position + into.byteLength)
      done += bytesRead
    }
  }

  /** `length` bytes from `position` on, in memory of their own. */
  async bytes(position: number, length: number): Promise<Uint8Array> {
    if (position + length > this.size) throw this.cutShort(position + length)
    const bytes = new Uint8Array(length)
    await this.read(position, bytes)
    return bytes
  }

  cutShort(expected: number): ModelsError {
    return new ModelsError(
      'weights-cut-short',
      `"${this.path}" is cut short: it holds ${this.size} bytes, its header describes ${expected}; fetch it again.`,
      { path: this.path, found: this.size, expected },
    )
  }

  /** A refusal of what the file holds: `reason` goes on from its name. */
  invalid(reason: string, options?: ErrorOptions): ModelsError {
    return new ModelsError('weights-invalid', `"${this.path}" ${reason}.`, { path: this.path }, options)
  }

  close(): Promise<void> {
    return this.handle.close()
  }
}

/** What the operating system said of a file, as our error. */
export function unreadable(path: string, cause: unknown): ModelsError {
  const { code } = cause as NodeJS.ErrnoException
  return code === 'ENOENT'
    ? new ModelsError('weights-missing', `"${path}" does not exist.`, { path }, { cause })
    : new ModelsError('weights-unreadable', `"${path}" cannot be read (${code ?? cause}).`, { path }, { cause })
}
