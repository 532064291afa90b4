import { createHash, type Hash, randomUUID } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { type FileHandle, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises'
import path from 'node:path'
import { Readable, Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { VolantError } from '@volant/data'
import { diskError, syncFolder } from './files.js'

/** What can be stored: bytes, text, a stream, or a file that stays where it is. */
export type Source = Uint8Array | string | Readable | { file: string }

/** A stored file: `hash` is the sha256 of its bytes in hex. */
export interface Stored {
  hash: string
  bytes: number
}

/** A folder as it was when stored; paths use "/" and are sorted. */
export interface Tree {
  hash: string
  bytes: number
  files: { path: string; hash: string; bytes: number }[]
}

/**
 * Immutable files named by their content. What is stored is on the disk before the answer; what is read is checked
 * against its name. Errors: `disk-full`, `unknown-artifact`, `artifact-damaged`.
 */
export interface Artifacts {
  put(source: Source): Promise<Stored>
  has(hash: string): Promise<boolean>
  /** A stream that fails at its end with `artifact-damaged` when the bytes are not those that were stored. */
  open(hash: string): Promise<Readable>
  read(hash: string): Promise<Buffer>
  /** Stores every file of a folder, and the list of them as a file of its own, whose hash names the tree. */
  putTree(folder: string): Promise<Tree>
  tree(hash: string): Promise<Tree>
  /** A read-only copy of a tree as a folder, made once per data folder. */
  checkOut(hash: string): Promise<string>
  /** Stores files and writes down who uses them; nothing is removed meanwhile. */
  hold<T>(work: () => Promise<T>): Promise<T>
  /**
   * Removes trees with their copies and files, but nothing of what `used` names, asked when nobody stores. Says what went;
   * what is not there is passed over.
   */
  remove(trees: readonly string[], files: readonly string[], used: () => Promise<Used>): Promise<Removed>
}

/** What records still refer to. */
export interface Used {
  trees: readonly string[]
  files: readonly string[]
}

interface Removed {
  files: number
  bytes: number
}

/** Artifacts in a data folder: `artifacts/sha256/ab/abcd…`, trees checked out to `trees/<hash>`. */
export async function openArtifacts(dataFolder: string): Promise<Artifacts> {
  const root = path.join(dataFolder, 'artifacts')
  const parts = path.join(root, 'parts')
  const trees = path.join(dataFolder, 'trees')
  await rm(parts, { recursive: true, force: true })
  await mkdir(parts, { recursive: true })
  await mkdir(trees, { recursive: true })
  await removeUnfinished(trees)
  const checkingOut = new Map<string, Promise<string>>()

  const folderOf = (hash: string): string => path.join(root, 'sha256', hash.slice(0, 2))
  function fileOf(hash: string): string {
    if (!/^[0-9a-f]{64}$/.test(hash)) throw new VolantError('unknown-artifact', `"${hash}" is no sha256.`, { hash })
    return path.join(folderOf(hash), hash)
  }

  async function put(source: Source): Promise<Stored> {
    const part = path.join(parts, randomUUID())
    try {
      const stored = await writePart(source, part)
      const file = fileOf(stored.hash)
      if (await exists(file)) await rm(part)
      else {
        await makeDurableFolder(folderOf(stored.hash))
        await rename(part, file)
        await syncFolder(folderOf(stored.hash))
      }
      return stored
    } catch (error) {
      await rm(part, { force: true })
      throw diskError(error, part)
    }
  }

  async function openVerified(hash: string): Promise<Readable> {
    const file = fileOf(hash)
    if (!(await exists(file))) throw new VolantError('unknown-artifact', `There is no stored file ${hash}.`, { hash })
    const source = createReadStream(file, { highWaterMark: 1 << 18 })
    const check = new Verify(hash)
    source.on('error', (error) => check.destroy(error))
    check.on('close', () => source.destroy())
    return source.pipe(check)
  }

  async function read(hash: string): Promise<Buffer> {
    const chunks: Buffer[] = []
    for await (const chunk of await openVerified(hash)) chunks.push(chunk as Buffer)
    return Buffer.concat(chunks)
  }

  async function tree(hash: string): Promise<Tree> {
    const { files } = JSON.parse((await read(hash)).toString('utf8')) as Pick<Tree, 'files'>
    return { hash, files, bytes: sum(files) }
  }

  async function putTree(folder: string): Promise<Tree> {
    const files: Tree['files'] = []
    for (const name of await filesBelow(folder)) {
      files.push({ path: name, ...(await put({ file: path.join(folder, name) })) })
    }
    if (files.length === 0) throw new VolantError('empty-folder', `"${folder}" has no files to store.`, { folder })
    const { hash } = await put(JSON.stringify({ files }))
    return { hash, files, bytes: sum(files) }
  }

  async function copyOut(hash: string, folder: string): Promise<string> {
    const unfinished = `${folder}.${randomUUID()}.part`
    try {
      for (const { path: name, hash: content } of (await tree(hash)).files) {
        const file = path.join(unfinished, name)
        await mkdir(path.dirname(file), { recursive: true })
        const handle = await open(file, 'wx', 0o444)
        await pipeline(await openVerified(content), handle.createWriteStream({ flush: true }))
      }
      await rename(unfinished, folder)
      return folder
    } catch (error) {
      await rm(unfinished, { recursive: true, force: true })
      throw diskError(error, folder)
    }
  }

  async function checkOut(hash: string): Promise<string> {
    const folder = path.join(trees, path.basename(fileOf(hash)))
    if (await exists(folder)) return folder
    const running = checkingOut.get(hash) ?? copyOut(hash, folder).finally(() => checkingOut.delete(hash))
    checkingOut.set(hash, running)
    return running
  }

  const holders = new Set<Promise<unknown>>()
  let removing: Promise<unknown> = Promise.resolve()

  async function hold<T>(work: () => Promise<T>): Promise<T> {
    for (let waited: unknown; waited !== removing; ) {
      waited = removing
      await removing
    }
    const held = work()
    const ended = held.then(
      () => {},
      () => {},
    )
    holders.add(ended)
    void ended.then(() => holders.delete(ended))
    return held
  }

  function remove(gone: readonly string[], files: readonly string[], used: () => Promise<Used>): Promise<Removed> {
    const done = removing.then(async () => {
      await Promise.all(holders)
      return removeUnused(gone, files, await used())
    })
    removing = done.catch(() => {})
    return done
  }

  async function removeUnused(gone: readonly string[], files: readonly string[], used: Used): Promise<Removed> {
    const kept = new Set([...used.trees, ...used.files])
    const left = gone.filter((hash) => !kept.has(hash))
    const contents = async (hashes: readonly string[]) =>
      (await Promise.all(hashes.map((hash) => tree(hash).catch(() => undefined)))).flatMap((one) => one?.files ?? [])
    const candidates = new Set([...left, ...files, ...(await contents(left)).map(({ hash }) => hash)])
    for (const { hash } of await contents(used.trees)) kept.add(hash)
    const removed = { files: 0, bytes: 0 }
    for (const hash of left) await rm(path.join(trees, hash), { recursive: true, force: true })
    for (const hash of candidates) {
      const found = kept.has(hash) ? undefined : await stat(fileOf(hash)).catch(() => undefined)
      if (!found) continue
      await rm(fileOf(hash), { force: true })
      removed.files++
      removed.bytes += found.size
    }
    return removed
  }

  const has = (hash: string) => exists(fileOf(hash))
  return { put, has, open: openVerified, read, putTree, tree, checkOut, hold, remove }
}

async function writePart(source: Source, part: string): Promise<Stored> {
  const hash = createHash('sha256')
  const handle = await open(part, 'wx', 0o444)
  let bytes = 0
  try {
    for await (const chunk of chunksOf(source)) {
      hash.update(chunk)
      bytes += chunk.length
      await writeAll(handle, chunk)
    }
    await handle.sync()
  } finally {
    await handle.close()
  }
  return { hash: hash.digest('hex'), bytes }
}

async function writeAll(handle: FileHandle, chunk: Uint8Array): Promise<void> {
  for (let at = 0; at < chunk.length; ) at += (await handle.write(chunk, at)).bytesWritten
}

async function* chunksOf(source: Source): AsyncGenerator<Uint8Array> {
  if (typeof source === 'string') yield Buffer.from(source, 'utf8')
  else if (source instanceof Uint8Array) yield source
  else {
    const stream = source instanceof Readable ? source : createReadStream(source.file, { highWaterMark: 1 << 18 })
    for await (const chunk of stream) yield typeof chunk === 'string' ? Buffer.from(chunk) : (chunk as Uint8Array)
  }
}

/** Passes bytes on and fails at the end when their sha256 is not `expected`. */
class Verify extends Transform {
  readonly #hash: Hash = createHash('sha256')

  constructor(readonly expected: string) {
    super()
  }

  override _transform(chunk: Buffer, _encoding: string, done: (error: null, chunk: Buffer) => void): void {
    this.#hash.update(chunk)
    done(null, chunk)
  }

  override _flush(done: (error?: Error | null) => void): void {
    const found = this.#hash.digest('hex')
    done(found === this.expected ? null : damaged(this.expected, found))
  }
}

function damaged(hash: string, found: string): VolantError {
  const sentence = `The stored file ${hash} is damaged: its content has the sha256 ${found}. Restore it from a copy.`
  return new VolantError('artifact-damaged', sentence, { hash, found })
}

async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(folder, path.join(entry.parentPath, entry.name)).split(path.sep).join('/'))
    .sort()
}

async function makeDurableFolder(folder: string): Promise<void> {
  if (!(await mkdir(folder, { recursive: true }))) return
  await syncFolder(path.dirname(folder))
  await syncFolder(path.dirname(path.dirname(folder)))
}

async function removeUnfinished(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    if (name.endsWith('.part')) await rm(path.join(folder, name), { recursive: true, force: true })
  }
}

async function exists(file: string): Promise<boolean> {
  return (await stat(file).catch(() => undefined)) !== undefined
}

function sum(files: readonly { bytes: number }[]): number {
  return files.reduce((total, { bytes }) => total + bytes, 0)
}
