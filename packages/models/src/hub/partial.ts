import { createHash, type Hash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { type FileHandle, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises'
import { hostname } from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { ModelsError } from '../errors.js'
import type { RemoteFile } from './repository.js'

/** How often a process looks whether another one has finished the same file, in ms. */
const POLL = 300
/** A file that another process has not written to for so long is abandoned, in ms. */
const ABANDONED = 10 * 60_000

const host = hostname().replaceAll(/[^A-Za-z0-9]/g, '_')
let claims = 0

/**
 * The unfinished download of a blob. Only the process in its name writes to it, and only when it is whole and its hash is
 * right does it get the blob's name, so processes never see or spoil each other's halves. One that is given up is called
 * `<etag>.incomplete` and goes on with whoever asks next.
 */
export class PartialFile {
  private constructor(
    private readonly own: string,
    private readonly blob: string,
    private readonly handle: FileHandle,
    private readonly remote: RemoteFile,
    private hash: Hash,
    /** Bytes that are there. */
    public position: number,
  ) {}

  /** @returns undefined when another process finished the blob meanwhile */
  static async claim(blob: string, remote: RemoteFile, signal?: AbortSignal): Promise<PartialFile | undefined> {
    const own = await claimName(blob, signal)
    if (own === undefined) return undefined
    const handle = await open(own, 'r+')
    const { size } = await handle.stat()
    const partial = new PartialFile(own, blob, handle, remote, newHash(remote), 0)
    if (size > remote.size) await handle.truncate(0)
    else await partial.hashExisting(size)
    return partial
  }

  private async hashExisting(size: number): Promise<void> {
    if (size > 0) for await (const chunk of createReadStream(this.own)) this.hash.update(chunk)
    this.position = size
  }

  async append(chunk: Uint8Array): Promise<void> {
    let done = 0
    while (done < chunk.byteLength) {
      const { bytesWritten } = await this.handle.write(chunk, done, chunk.byteLength - done, this.position + done)
      done += bytesWritten
    }
    this.hash.update(chunk)
    this.position += chunk.byteLength
  }

  async restart(): Promise<void> {
    await this.handle.truncate(0)
    this.hash = newHash(this.remote)
    this.position = 0
  }

  /** Checks the hash and gives the file the name of the blob. @returns the hash found when it is another one */
  async finish(): Promise<string | undefined> {
    const found = this.hash.digest('hex')
    if (found !== this.remote.etag) return found
    await this.handle.sync()
    await this.handle.close()
    await rename(this.own, this.blob)
    return undefined
  }

  /** Gives the download up; what is there is kept for the next attempt. */
  async leave(): Promise<void> {
    await this.handle.close()
    if (this.position > 0) await rename(this.own, `${this.blob}.incomplete`).catch(ignoreGone)
    else await rm(this.own, { force: true })
  }
}

/** SHA-256 of the bytes, or git's SHA-1 over a header and the bytes. */
function newHash({ etag, size }: RemoteFile): Hash {
  return etag.length === 64 ? createHash('sha256') : createHash('sha1').update(`blob ${size}\0`)
}

/** Takes over an abandoned half or begins one; waits while a living process is at the same blob. */
async function claimName(blob: string, signal?: AbortSignal): Promise<string | undefined> {
  const own = `${blob}.${host}-${process.pid}-${claims++}.incomplete`
  await mkdir(path.dirname(blob), { recursive: true })
  for (;;) {
    if (await stat(blob).catch(ignoreGone)) return undefined
    const halves = await halvesOf(blob)
    if (halves.some(({ alive }) => alive)) {
      await sleep(POLL, undefined, { signal })
      continue
    }
    for (const { file } of halves) if (await renamed(file, own)) return own
    await (await open(own, 'wx')).close()
    return own
  }
}

interface Half {
  file: string
  alive: boolean
}

async function halvesOf(blob: string): Promise<Half[]> {
  const folder = path.dirname(blob)
  const etag = path.basename(blob)
  const halves: Half[] = []
  for (const name of await readdir(folder)) {
    if (!name.startsWith(`${etag}.`)) continue
    const file = path.join(folder, name)
    const owner = /^\.(\w+)-(\d+)-\d+\.incomplete$/.exec(name.slice(etag.length))
    if (owner) halves.push({ file, alive: await isAlive(file, owner[1]!, Number(owner[2])) })
    else if (name === `${etag}.incomplete`) halves.push({ file, alive: false })
  }
  return halves
}

/**
 * Is the process that owns a half at it? A number of ours may be that of an earlier process (in a container it is after each
 * start), whose file is older than we are.
 */
async function isAlive(file: string, machine: string, pid: number): Promise<boolean> {
  const there = await stat(file).catch(ignoreGone)
  if (!there) return false
  if (machine === host && pid === process.pid) return there.mtimeMs >= Date.now() - process.uptime() * 1000
  return Date.now() - there.mtimeMs < ABANDONED && (machine !== host || isRunning(pid))
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/** False when the file is gone: another process took it. */
async function renamed(from: string, to: string): Promise<boolean> {
  try {
    await rename(from, to)
    return true
  } catch (error) {
    ignoreGone(error)
    return false
  }
}

function ignoreGone(error: unknown): undefined {
  if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
}

/** What the operating system says of a write, as our error. */
export function writeFailure(cause: unknown, cache: string): unknown {
  const { code } = cause as NodeJS.ErrnoException
  if (code === 'ENOSPC' || code === 'EDQUOT') return diskFull(cache, `(${code})`, cause)
  if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS')
    return new ModelsError(
      'cache-not-writable',
      `The cache "${cache}" cannot be written to (${code}); set HF_HUB_CACHE to a folder that can.`,
      { cache },
      { cause },
    )
  return cause
}

export const diskFull = (cache: string, found: string, cause?: unknown) =>
  new ModelsError(
    'disk-full',
    `The disk of the cache "${cache}" is full ${found}; free some space, or set HF_HUB_CACHE to another disk.`,
    { cache },
    { cause },
  )
