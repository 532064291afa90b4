import { lstat, readdir, readFile, readlink, rm } from 'node:fs/promises'
import path from 'node:path'
import { ModelsError } from '../errors.js'
import { cachedCommit, cachedRepository, checkId, checkRevision, missingFiles, sizeOf, snapshotFiles } from './cache.js'
import { type HubSettings, hubSettings } from './settings.js'

/** A revision of a model in the cache. */
export interface CachedRevision {
  commit: string
  /** Branches and tags that were this commit when they were last fetched. */
  refs: string[]
  folder: string
  files: number
  /** Bytes of its files; some may be shared with other revisions. */
  bytes: number
  /** What it lacks to be loaded; empty when it is whole. */
  missing: string[]
}

/** A model in the cache. */
export interface CachedModel {
  id: string
  folder: string
  /** Bytes on disk, unfinished downloads included. */
  bytes: number
  revisions: CachedRevision[]
}

/** The models of the cache folder, those that other programs put there included, by name. */
export async function cachedModels(settings: Partial<HubSettings> = {}): Promise<CachedModel[]> {
  const { cache } = { ...hubSettings(), ...settings }
  const models: CachedModel[] = []
  for (const name of (await readdir(cache).catch(() => [])).toSorted()) {
    if (!/^models--[^/]/.test(name)) continue
    const id = name.slice('models--'.length).replace('--', '/')
    const folder = path.join(cache, name)
    models.push({ id, folder, bytes: await bytesOf(folder), revisions: await revisionsOf(folder) })
  }
  return models
}

/** Bytes that the files of a folder take, links not followed. */
async function bytesOf(folder: string): Promise<number> {
  let bytes = 0
  for (const name of await readdir(folder, { recursive: true })) {
    const there = await lstat(path.join(folder, name)).catch(() => undefined)
    if (there?.isFile()) bytes += there.size
  }
  return bytes
}

async function revisionsOf(folder: string): Promise<CachedRevision[]> {
  const refs = await refsOf(folder)
  const revisions: CachedRevision[] = []
  for (const commit of await readdir(path.join(folder, 'snapshots')).catch(() => [])) {
    const snapshot = path.join(folder, 'snapshots', commit)
    const files = await snapshotFiles(snapshot)
    revisions.push({
      commit,
      refs: [...refs].filter(([, of]) => of === commit).map(([ref]) => ref),
      folder: snapshot,
      files: files.size,
      bytes: [...files.values()].reduce((a, b) => a + b, 0),
      missing: await missingFiles(snapshot),
    })
  }
  return revisions
}

/** Branches and tags with their commits. */
async function refsOf(folder: string): Promise<Map<string, string>> {
  const refs = new Map<string, string>()
  for (const name of await readdir(path.join(folder, 'refs'), { recursive: true }).catch(() => [])) {
    const text = await readFile(path.join(folder, 'refs', name), 'utf8').catch(() => undefined)
    if (text !== undefined) refs.set(name.replaceAll(path.sep, '/'), text.trim())
  }
  return refs
}

/** The folder of a model in the cache. Throws ModelsError when it is not there. */
export async function cachedFolder(
  id: string,
  revision = 'main',
  settings: Partial<HubSettings> = {},
): Promise<string> {
  const { cache } = { ...hubSettings(), ...settings }
  const repository = cachedRepository(cache, checkId(id))
  const commit = await cachedCommit(repository, checkRevision(revision))
  if (commit !== undefined && (await sizeOf(repository.snapshot(commit))) !== undefined)
    return repository.snapshot(commit)
  throw notCached(id, cache, `of revision "${revision}" `)
}

const notCached = (id: string, cache: string, which = '') =>
  new ModelsError('model-not-cached', `"${id}" ${which}is not in the cache "${cache}"; see "volant models list".`, {
    id,
    cache,
  })

/**
 * Removes a model from the cache, or one revision of it with the blobs that no other revision uses.
 *
 * @returns the bytes that were freed
 */
export async function removeModel(
  id: string,
  { revision, settings }: { revision?: string; settings?: Partial<HubSettings> } = {},
): Promise<number> {
  const { cache } = { ...hubSettings(), ...settings }
  const { folder } = cachedRepository(cache, checkId(id))
  if ((await sizeOf(folder)) === undefined) throw notCached(id, cache)
  const before = await bytesOf(folder)
  if (revision === undefined) {
    // The names first: a removal that is cut short leaves nothing that looks whole.
    for (const part of ['refs', 'snapshots', '.']) await remove(path.join(folder, part))
    return before
  }
  const snapshot = await cachedFolder(id, revision, settings)
  for (const [ref, commit] of await refsOf(folder))
    if (commit === path.basename(snapshot)) await remove(path.join(folder, 'refs', ref))
  await remove(snapshot)
  await removeUnusedBlobs(folder)
  const left = await bytesOf(folder)
  if ((await readdir(path.join(folder, 'snapshots'))).length === 0) await remove(folder)
  return before - left
}

const remove = (target: string): Promise<void> => rm(target, { recursive: true, force: true })

/** Blobs that no link of a snapshot names; unfinished downloads stay. */
async function removeUnusedBlobs(folder: string): Promise<void> {
  const snapshots = path.join(folder, 'snapshots')
  const used = new Set<string>()
  for (const name of await readdir(snapshots, { recursive: true })) {
    const link = await readlink(path.join(snapshots, name)).catch(() => undefined)
    if (link !== undefined) used.add(path.basename(link))
  }
  for (const blob of await readdir(path.join(folder, 'blobs')))
    if (!used.has(blob) && !blob.endsWith('.incomplete')) await remove(path.join(folder, 'blobs', blob))
}
