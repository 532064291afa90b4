import { type FileHandle, open } from 'node:fs/promises'
import { VolantError } from '@volant/data'
import { diskError, syncFolder } from '../files.js'
import type { Position, Segments } from './segments.js'

interface Append {
  bytes: Buffer
  durable: boolean
  /** Called once, in the order of the file, when the bytes are written. */
  written(end: Position): void
  resolve(): void
  reject(error: unknown): void
}

export interface WriterOptions {
  /** A file of this many bytes is followed by a new one. */
  segmentBytes: number
  /** How long bytes nobody waits for may stay out of the disk. */
  syncEveryMs: number
  onError(error: Error): void
}

/**
 * Appends to the last journal file. What arrives while a write is under way goes out together in the next one; what
 * arrives while an fdatasync is under way shares the next one (group commit).
 */
export class JournalWriter {
  #queue: Append[] = []
  #unsynced: Append[] = []
  #pumping: Promise<void> | undefined
  #syncing: Promise<void> | undefined
  #dirty = false
  #timer: NodeJS.Timeout | undefined
  #broken: Error | undefined
  #size = 0

  private constructor(
    readonly segments: Segments,
    readonly options: WriterOptions,
    private segment: number,
    private file: FileHandle,
  ) {}

  /** Starts a new file. */
  static async open(segments: Segments, segment: number, options: WriterOptions): Promise<JournalWriter> {
    return new JournalWriter(segments, options, segment, await create(segments, segment))
  }

  get position(): Position {
    return { segment: this.segment, offset: this.#size }
  }

  /**
   * Resolves when the bytes are in the file (they survive a kill), with `durable` when they are on the disk (they
   * survive a power cut). All or nothing. Throws `disk-full`, `journal-broken`.
   */
  append(bytes: Buffer, durable: boolean, written: (end: Position) => void): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#queue.push({ bytes, durable, written, resolve, reject })
      this.#pumping ??= this.#pump().finally(() => {
        this.#pumping = undefined
      })
    })
  }

  async close(): Promise<void> {
    await this.#pumping
    await this.#sync()
    clearTimeout(this.#timer)
    await this.file.close()
  }

  async #pump(): Promise<void> {
    while (this.#queue.length > 0) {
      const batch = this.#queue
      this.#queue = []
      try {
        if (this.#broken) throw this.#broken
        if (this.#size >= this.options.segmentBytes) await this.#rotate()
        await this.#write(batch)
      } catch (error) {
        for (const { reject } of batch) reject(error)
      }
    }
  }

  async #write(batch: Append[]): Promise<void> {
    const bytes = batch.length === 1 ? batch[0]!.bytes : Buffer.concat(batch.map((append) => append.bytes))
    try {
      for (let at = 0; at < bytes.length; ) {
        at += (await this.file.write(bytes, at, bytes.length - at, this.#size + at)).bytesWritten
      }
    } catch (error) {
      await this.#undo()
      throw diskError(error, this.segments.file(this.segment))
    }
    for (const append of batch) {
      this.#size += append.bytes.length
      append.written(this.position)
      if (append.durable) this.#unsynced.push(append)
      else append.resolve()
    }
    this.#dirty = true
    if (this.#unsynced.length > 0) void this.#sync()
    else this.#timer ??= setTimeout(() => void this.#sync(), this.options.syncEveryMs)
  }

  /** Takes half-written bytes back, so that the next line begins where the last whole one ended. */
  async #undo(): Promise<void> {
    try {
      await this.file.truncate(this.#size)
    } catch (error) {
      this.#break(error as Error)
    }
  }

  /** One fdatasync after another until nothing is dirty. */
  #sync(): Promise<void> {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#syncing ??= this.#syncAll().finally(() => {
      this.#syncing = undefined
    })
    return this.#syncing
  }

  async #syncAll(): Promise<void> {
    while (this.#dirty) {
      const covered = this.#unsynced
      this.#unsynced = []
      this.#dirty = false
      try {
        await this.file.datasync()
        for (const { resolve } of covered) resolve()
      } catch (error) {
        // After a failed sync nobody knows what is on the disk: nothing more is acknowledged.
        this.#break(error as Error)
        for (const { reject } of covered) reject(this.#broken)
      }
    }
  }

  async #rotate(): Promise<void> {
    const next = await create(this.segments, this.segment + 1)
    await this.#sync()
    await this.file.close()
    this.segment++
    this.file = next
    this.#size = 0
  }

  #break(cause: Error): void {
    const file = this.segments.file(this.segment)
    const sentence = `The journal "${file}" can no longer be written (${cause.message}). Check the disk and restart.`
    this.#broken = new VolantError('journal-broken', sentence, { file }, { cause })
    this.options.onError(this.#broken)
  }
}

async function create(segments: Segments, segment: number): Promise<FileHandle> {
  const file = segments.file(segment)
  let handle: FileHandle | undefined
  try {
    handle = await open(file, 'wx', 0o600)
    await syncFolder(segments.folder)
    return handle
  } catch (error) {
    await handle?.close()
    if (handle) await segments.remove(segment)
    throw diskError(error, file)
  }
}
