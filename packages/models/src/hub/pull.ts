import { rm, statfs } from 'node:fs/promises'
import path from 'node:path'
import { ModelsError } from '../errors.js'
import {
  type CachedRepository,
  cachedCommit,
  cachedRepository,
  checkId,
  checkRevision,
  isCommit,
  linkBlob,
  missingFiles,
  sizeOf,
  snapshotFiles,
  writeRef,
} from './cache.js'
import { downloadBlob } from './download.js'
import { type ChosenFiles, chooseFiles } from './files.js'
import { HubClient, type Patience, usualPatience } from './http.js'
import { diskFull, writeFailure } from './partial.js'
import { ProgressCounter, type PullProgress } from './progress.js'
import { type RemoteFile, type RemoteRepository, readFileHead, readRepository } from './repository.js'
import { type HubSettings, hubSettings } from './settings.js'

export interface PullOptions {
  /** A branch, a tag or a commit; `main` when absent. */
  revision?: string
  /** Take this weight file only, such as one of several .gguf files. */
  file?: string
  onProgress?: (progress: PullProgress) => void
  signal?: AbortSignal
  /** In place of what the environment says. */
  settings?: Partial<HubSettings>
  patience?: Partial<Patience>
}

/** A model in the cache, all files there. */
export interface PulledModel {
  id: string
  revision: string
  /** The commit that the revision is. */
  commit: string
  /** The folder with the files, for `openWeights`. */
  folder: string
  files: string[]
  /** Bytes of the files. */
  bytes: number
  /** The hub was not asked: offline, or it cannot be reached. */
  offline: boolean
}

/** Files that are fetched at once. */
const AT_ONCE = 4

/**
 * Brings a model of the hub into the cache folder that the ecosystem shares, and gives its folder. Only what is missing is
 * fetched: configuration, tokeniser, modules and weights (safetensors first). Sizes and hashes are checked, an interrupted
 * download goes on where it stopped, and the folder holds its weights only when all of the model is there. Without the
 * network the cache answers.
 *
 * @throws ModelsError when there is no such model, network or space, or what arrives is not what was announced
 */
export async function pullModel(id: string, options: PullOptions = {}): Promise<PulledModel> {
  const settings = { ...hubSettings(), ...options.settings }
  const revision = checkRevision(options.revision ?? 'main')
  const repository = cachedRepository(settings.cache, checkId(id))
  const client = new HubClient(settings, id, revision, { ...usualPatience, ...options.patience }, options.signal)
  if (settings.offline) return fromCache(client, repository, options.file)
  let remote: RemoteRepository
  try {
    remote = await readRepository(client)
  } catch (error) {
    if (!(error instanceof ModelsError) || !['no-network', 'hub-unavailable'].includes(error.code)) throw error
    return fromCache(client, repository, options.file, error)
  }
  return fetchModel(client, repository, remote, options)
}

/** What the cache holds of a revision, when it is whole. */
async function fromCache(
  client: HubClient,
  repository: CachedRepository,
  file: string | undefined,
  cause?: ModelsError,
): Promise<PulledModel> {
  const { id, revision, settings } = client
  const commit = await cachedCommit(repository, revision)
  const folder = commit === undefined ? undefined : repository.snapshot(commit)
  const missing = folder === undefined ? undefined : await missingOf(folder, file)
  if (commit !== undefined && folder !== undefined && missing?.length === 0) {
    const files = await snapshotFiles(folder)
    return { id, revision, commit, folder, files: [...files.keys()], bytes: sumOf(files.values()), offline: true }
  }
  const why = cause ? cause.message.split(';')[0] : 'HF_HUB_OFFLINE is set'
  const lack =
    missing && folder && (await sizeOf(folder)) !== undefined ? `only in part (without ${missing[0]})` : 'not'
  throw new ModelsError(
    'model-not-cached',
    `${why}, and "${id}" of revision "${revision}" is ${lack} in the cache "${settings.cache}"; connect once and run "volant models pull ${id}".`,
    { id, revision, cache: settings.cache },
    { cause },
  )
}

const sumOf = (sizes: Iterable<number>): number => [...sizes].reduce((a, b) => a + b, 0)

const missingOf = async (folder: string, file: string | undefined): Promise<string[]> => {
  if (file === undefined) return missingFiles(folder)
  return (await sizeOf(path.join(folder, file))) === undefined ? [file] : []
}

async function fetchModel(
  client: HubClient,
  repository: CachedRepository,
  remote: RemoteRepository,
  { file, onProgress }: PullOptions,
): Promise<PulledModel> {
  const { id, revision, settings } = client
  const { commit } = remote
  const chosen = chooseFiles(remote.names, file)
  if (chosen.weights.length === 0) throw noWeights(client, remote, file)
  const files = await describeFiles(client, remote, chosen)
  const bytes = sumOf(files.map(({ size }) => size))
  const progress = new ProgressCounter(bytes, onProgress)
  await fetchBlobs(client, repository, commit, files, progress)
  try {
    // The weights come last, so that a folder that has them has all.
    for (const { path, etag } of files) await linkBlob(repository, commit, path, etag)
    if (!isCommit(revision)) await writeRef(repository, revision, commit)
  } catch (error) {
    throw writeFailure(error, settings.cache)
  }
  const folder = repository.snapshot(commit)
  return { id, revision, commit, folder, files: files.map(({ path }) => path), bytes, offline: false }
}

function noWeights({ id, settings }: HubClient, { names }: RemoteRepository, file: string | undefined): ModelsError {
  const gguf = names.filter((name) => name.endsWith('.gguf'))
  const reason =
    file !== undefined
      ? `holds no file "${file}"`
      : gguf.length > 1
        ? `holds several GGUF files; name one with --file: ${gguf.join(', ')}`
        : `holds no weights in a format that is read (safetensors, pytorch_model.bin, GGUF), only ${names.slice(0, 8).join(', ')}`
  return new ModelsError('no-weights', `"${id}" at ${settings.endpoint} ${reason}.`, { id, files: names })
}

/** Sizes and hashes of the chosen files, the weights last. */
async function describeFiles(client: HubClient, remote: RemoteRepository, chosen: ChosenFiles): Promise<RemoteFile[]> {
  const files: RemoteFile[] = []
  for (const name of [...chosen.companions, ...chosen.weights])
    files.push(remote.known.get(name) ?? (await readFileHead(client, remote.commit, name)))
  return files
}

/** Downloads the blobs that are not there, several at once; the first failure ends all. */
async function fetchBlobs(
  client: HubClient,
  repository: CachedRepository,
  commit: string,
  files: readonly RemoteFile[],
  progress: ProgressCounter,
): Promise<void> {
  const waiting: RemoteFile[] = []
  for (const file of files) {
    const blob = repository.blob(file.etag)
    if ((await sizeOf(blob)) === file.size) progress.add(file.path, file.size, false)
    else {
      // Only a damaged one can be of another size.
      await rm(blob, { force: true })
      waiting.push(file)
    }
  }
  await checkSpace(client.settings.cache, waiting)
  const stop = new AbortController()
  const signal = client.signal ? AbortSignal.any([client.signal, stop.signal]) : stop.signal
  const worker = new HubClient(client.settings, client.id, client.revision, client.patience, signal)
  const work = async () => {
    for (let file = waiting.shift(); file; file = waiting.shift()) {
      const { path, etag } = file
      await downloadBlob(worker, commit, file, repository.blob(etag), (count, fetched) =>
        progress.add(path, count, fetched),
      )
    }
  }
  let failure: unknown
  const guarded = async () => {
    try {
      await work()
    } catch (error) {
      if (!stop.signal.aborted) failure = error
      stop.abort(error)
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, guarded))
  if (stop.signal.aborted) throw failure
}

/** Says before the download when it cannot fit. */
async function checkSpace(cache: string, files: readonly RemoteFile[]): Promise<void> {
  const needed = sumOf(files.map(({ size }) => size))
  const disk = await statfs(await existing(cache)).catch(() => undefined)
  if (!disk) return
  const free = disk.bavail * disk.bsize
  if (needed > free) throw diskFull(cache, `for this model: it takes ${needed} bytes, ${free} are free`)
}

/** The innermost folder of a path that exists. */
async function existing(folder: string): Promise<string> {
  return (await sizeOf(folder)) !== undefined || path.dirname(folder) === folder
    ? folder
    : existing(path.dirname(folder))
}
