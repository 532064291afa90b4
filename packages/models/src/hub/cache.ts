import { copyFile, mkdir, readdir, readFile, readlink, rename, stat, symlink, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { ModelsError } from '../errors.js'
import { findWeights } from '../files/open.js'
import { missingShards } from '../files/sharded.js'

/**
 * One model in the ecosystem's cache folder:
 *
 *     models--org--name/blobs/<etag>            the bytes, named by their hash
 *     models--org--name/refs/<revision>         the commit that a branch or tag was last
 *     models--org--name/snapshots/<commit>/...  links to blobs, by the names of the files
 */
export interface CachedRepository {
  readonly folder: string
  blob(etag: string): string
  snapshot(commit: string): string
  ref(revision: string): string
}

export function cachedRepository(cache: string, id: string): CachedRepository {
  const folder = path.join(cache, folderName(id))
  return {
    folder,
    blob: (etag) => path.join(folder, 'blobs', etag),
    snapshot: (commit) => path.join(folder, 'snapshots', commit),
    ref: (revision) => path.join(folder, 'refs', ...revision.split('/')),
  }
}

const folderName = (id: string): string => ['models', ...checkId(id).split('/')].join('--')

/** Refuses names that are not `name` or `organisation/name`; they become addresses and folders. */
export function checkId(id: string): string {
  if (/^[\w.-]+(\/[\w.-]+)?$/.test(id) && !/\.\.|--|(^|\/)\.|\.$/.test(id)) return id
  throw new ModelsError('bad-model-id', `"${id}" is not the name of a model, expected organisation/name.`, { id })
}

/** Refuses revisions that cannot be a branch, a tag or a commit. */
export function checkRevision(revision: string): string {
  if (/^[\w.@+/-]+$/.test(revision) && !/\.\.|\/\/|(^|\/)\.|^\/|\/$/.test(revision)) return revision
  throw new ModelsError('bad-revision', `"${revision}" is not a revision, expected a branch, a tag or a commit.`)
}

export const isCommit = (revision: string): boolean => /^[0-9a-f]{40}$/.test(revision)

/** The commit that a revision was when it was last fetched; undefined when it never was. */
export async function cachedCommit(repository: CachedRepository, revision: string): Promise<string | undefined> {
  if (isCommit(revision)) return revision
  const text = await readFile(repository.ref(revision), 'utf8').catch(() => '')
  return isCommit(text.trim()) ? text.trim() : undefined
}

let written = 0
/** A name beside a file, for what gets the file's name only when it is whole. */
const besides = (file: string): string => `${file}.${process.pid}-${written++}`

/** Writes the commit of a revision; a reader sees the old or the new one. */
export async function writeRef(repository: CachedRepository, revision: string, commit: string): Promise<void> {
  const file = repository.ref(revision)
  const own = besides(file)
  await mkdir(path.dirname(file), { recursive: true })
  await writeFile(own, commit)
  await rename(own, file)
}

/** Puts a blob into a snapshot under the file's name: as a relative link, or a copy where links cannot be made. */
export async function linkBlob(
  repository: CachedRepository,
  commit: string,
  file: string,
  etag: string,
): Promise<void> {
  const name = path.join(repository.snapshot(commit), file)
  const blob = repository.blob(etag)
  const target = path.relative(path.dirname(name), blob)
  if ((await readlink(name).catch(() => undefined)) === target || (await isCopy(name, blob))) return
  await mkdir(path.dirname(name), { recursive: true })
  const own = besides(name)
  try {
    await symlink(target, own)
  } catch {
    await copyFile(blob, own)
  }
  await rename(own, name)
}

/** Is `name` a file of its own, as large as the blob? */
async function isCopy(name: string, blob: string): Promise<boolean> {
  const linked = await readlink(name).catch(() => undefined)
  return linked === undefined && (await sizeOf(name)) === (await sizeOf(blob))
}

/** Bytes of a file, links followed; undefined when there is none. */
export async function sizeOf(file: string): Promise<number | undefined> {
  return (await stat(file).catch(() => undefined))?.size
}

/** The files of a snapshot, by their paths in it, with their sizes. Dangling links are left out. */
export async function snapshotFiles(folder: string): Promise<Map<string, number>> {
  const files = new Map<string, number>()
  for (const name of (await readdir(folder, { recursive: true })).toSorted()) {
    const there = await stat(path.join(folder, name)).catch(() => undefined)
    if (there?.isFile()) files.set(name.replaceAll(path.sep, '/'), there.size)
  }
  return files
}

/**
 * What a model folder lacks to be whole; empty when nothing. Files are linked only when all are there, the weights last, so
 * a folder with its weights has what else belongs to it; folders by other programs are checked for shards and modules.
 */
export async function missingFiles(folder: string): Promise<string[]> {
  const weights = await findWeights(folder).catch((error: unknown) => {
    if (error instanceof ModelsError) return undefined
    throw error
  })
  if (!weights || (await sizeOf(weights)) === undefined) return ['the weights']
  const missing = weights.endsWith('.index.json') ? await missingShards(weights) : []
  const config = path.basename(weights).startsWith('adapter_') ? 'adapter_config.json' : 'config.json'
  if (!weights.endsWith('.gguf') && (await sizeOf(path.join(folder, config))) === undefined) missing.push(config)
  for (const module of await moduleFolders(folder))
    if (!(await readdir(path.join(folder, module)).catch(() => [])).length) missing.push(module)
  return missing
}

/** Folders that modules.json of sentence-transformers names. */
async function moduleFolders(folder: string): Promise<string[]> {
  const text = await readFile(path.join(folder, 'modules.json'), 'utf8').catch(() => '[]')
  try {
    return (JSON.parse(text) as { path?: unknown; type?: unknown }[])
      .filter(({ path, type }) => typeof path === 'string' && path !== '' && !String(type).endsWith('.Normalize'))
      .map(({ path }) => path as string)
  } catch {
    return ['modules.json (damaged)']
  }
}
