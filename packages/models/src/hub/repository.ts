import { ModelsError } from '../errors.js'
import { isCommit } from './cache.js'
import { type HubClient, Passing, StallTimer, withPatience } from './http.js'

/** A file of a repository; the etag is its SHA-256, or the SHA-1 of git for small files. */
export interface RemoteFile {
  readonly path: string
  readonly size: number
  readonly etag: string
}

/** What the hub says of a model at a revision. */
export interface RemoteRepository {
  readonly commit: string
  readonly names: string[]
  /** Sizes and hashes, as far as the answer told them. */
  readonly known: ReadonlyMap<string, RemoteFile>
}

const isEtag = (text: unknown): text is string => typeof text === 'string' && /^([0-9a-f]{40}|[0-9a-f]{64})$/.test(text)
const isSize = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0

/** Asks which commit a revision is and which files it holds. A hub that cannot be reached is not asked again. */
export async function readRepository(client: HubClient): Promise<RemoteRepository> {
  const address = `api/models/${client.id}/revision/${encodeURIComponent(client.revision)}?blobs=true`
  const text = await withPatience(client.patience, client.signal, async () => {
    const timer = new StallTimer(client.patience.stall, client.signal)
    try {
      const response = await client.request(address, timer)
      return await response.text().catch((cause) => {
        throw client.cut(cause)
      })
    } catch (error) {
      throw error instanceof Passing && error.refusal.code === 'no-network' ? error.refusal : error
    } finally {
      timer.stop()
    }
  })
  let answer: unknown
  try {
    answer = JSON.parse(text)
  } catch (cause) {
    throw unexpected(client, 'it is not JSON', cause)
  }
  return parseRepository(client, answer)
}

function parseRepository(client: HubClient, answer: unknown): RemoteRepository {
  const { sha, siblings } = (answer ?? {}) as { sha?: unknown; siblings?: unknown }
  if (typeof sha !== 'string' || !isCommit(sha)) throw unexpected(client, 'it names no commit')
  if (!Array.isArray(siblings)) throw unexpected(client, 'it lists no files')
  const names: string[] = []
  const known = new Map<string, RemoteFile>()
  for (const { rfilename, size, blobId, lfs } of siblings as Sibling[]) {
    if (typeof rfilename !== 'string') throw unexpected(client, 'a file has no name')
    names.push(rfilename)
    const etag = lfs ? lfs.sha256 : blobId
    const bytes = lfs ? (lfs.size ?? size) : size
    if (isEtag(etag) && isSize(bytes)) known.set(rfilename, { path: rfilename, size: bytes, etag })
  }
  return { commit: sha, names, known }
}

interface Sibling {
  rfilename?: unknown
  size?: unknown
  blobId?: unknown
  lfs?: { sha256?: unknown; size?: unknown }
}

const unexpected = (client: HubClient, reason: string, cause?: unknown) =>
  new ModelsError(
    'hub-unexpected',
    `${client.settings.endpoint} answers about "${client.id}" in a way that is not understood: ${reason}.`,
    { id: client.id },
    { cause },
  )

export const fileAddress = (id: string, commit: string, file: string): string =>
  `${id}/resolve/${commit}/${file.split('/').map(encodeURIComponent).join('/')}`

/** Asks for size and hash of one file, for mirrors whose lists do not tell them: they stand in the headers. */
export async function readFileHead(client: HubClient, commit: string, file: string): Promise<RemoteFile> {
  return withPatience(client.patience, client.signal, async () => {
    const timer = new StallTimer(client.patience.stall, client.signal)
    try {
      const { headers } = await client.request(fileAddress(client.id, commit, file), timer, {
        method: 'HEAD',
        redirect: 'manual',
      })
      const etag = (headers.get('x-linked-etag') ?? headers.get('etag'))?.replace(/^W\/|"/g, '')
      const size = Number(headers.get('x-linked-size') ?? headers.get('content-length') ?? Number.NaN)
      if (!isEtag(etag) || !isSize(size)) throw unexpected(client, `"${file}" comes without its size or hash`)
      return { path: file, size, etag }
    } finally {
      timer.stop()
    }
  })
}
