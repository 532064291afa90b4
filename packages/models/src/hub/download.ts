import { ModelsError } from '../errors.js'
import { type HubClient, Passing, StallTimer, withPatience } from './http.js'
import { PartialFile, writeFailure } from './partial.js'
import { fileAddress, type RemoteFile } from './repository.js'

/** Told of bytes gained, fewer than none when a server begins again; `fetched`: now, not by an earlier attempt. */
type OnBytes = (count: number, fetched: boolean) => void

/**
 * Downloads one file to the place of its blob: goes on where an earlier attempt stopped, checks size and hash, and gives it
 * its name only when it is whole.
 */
export async function downloadBlob(
  client: HubClient,
  commit: string,
  remote: RemoteFile,
  blob: string,
  onBytes: OnBytes,
): Promise<void> {
  try {
    const partial = await PartialFile.claim(blob, remote, client.signal)
    if (!partial) return onBytes(remote.size, false)
    let whole = false
    try {
      await complete(client, commit, remote, partial, onBytes)
      whole = true
    } finally {
      if (!whole) await partial.leave()
    }
  } catch (error) {
    throw writeFailure(error, client.settings.cache)
  }
}

async function complete(
  client: HubClient,
  commit: string,
  remote: RemoteFile,
  partial: PartialFile,
  onBytes: OnBytes,
): Promise<void> {
  let resumed = partial.position > 0
  onBytes(partial.position, false)
  const restart = async () => {
    onBytes(-partial.position, false)
    await partial.restart()
  }
  for (;;) {
    await withPatience(client.patience, client.signal, () =>
      fetchRest(client, commit, remote, partial, onBytes, restart),
    )
    const found = await partial.finish()
    if (found === undefined) return
    await restart()
    // What an earlier attempt left may be the wrong part; only fresh bytes tell.
    if (!resumed) throw mismatch(client, remote, found)
    resumed = false
  }
}

/** Fetches what is not there yet. */
async function fetchRest(
  client: HubClient,
  commit: string,
  remote: RemoteFile,
  partial: PartialFile,
  onBytes: OnBytes,
  restart: () => Promise<void>,
): Promise<void> {
  if (partial.position === remote.size) return
  const timer = new StallTimer(client.patience.stall, client.signal)
  const before = partial.position
  try {
    const response = await client.request(fileAddress(client.id, commit, remote.path), timer, {
      headers: partial.position > 0 ? { range: `bytes=${partial.position}-` } : {},
    })
    if (partial.position > 0 && !continues(response, partial.position)) await restart()
    for await (const chunk of received(client, response)) {
      timer.restart()
      if (partial.position + chunk.byteLength > remote.size) throw tooLong(client, remote)
      await partial.append(chunk)
      onBytes(chunk.byteLength, true)
    }
    if (partial.position < remote.size) throw client.cut(new Error(`${remote.path} ends early`))
  } catch (error) {
    if (error instanceof Passing) error.progressed = partial.position > before
    throw error
  } finally {
    timer.stop()
  }
}

/** Does the answer go on at `position`? A server may send the whole instead. */
function continues(response: Response, position: number): boolean {
  return response.status === 206 && response.headers.get('content-range')?.startsWith(`bytes ${position}-`) === true
}

/** The bytes of an answer; a connection that breaks is a passing failure. */
async function* received(client: HubClient, response: Response): AsyncGenerator<Uint8Array> {
  const reader = response.body!.getReader()
  try {
    for (;;) {
      const { done, value } = await reader.read().catch((cause) => {
        throw client.cut(cause)
      })
      if (done) return
      yield value
    }
  } finally {
    await reader.cancel().catch(() => undefined)
  }
}

const mismatch = (client: HubClient, { path, etag }: RemoteFile, found: string) =>
  new ModelsError(
    'checksum-mismatch',
    `"${path}" of "${client.id}" arrived from ${client.settings.endpoint} with the hash ${found}, expected ${etag}; it was removed. Try again, or another mirror.`,
    { id: client.id, file: path, found, expected: etag },
  )

const tooLong = (client: HubClient, { path, size }: RemoteFile) =>
  new ModelsError(
    'checksum-mismatch',
    `"${path}" of "${client.id}" is longer than the ${size} bytes that ${client.settings.endpoint} announced; try again, or another mirror.`,
    { id: client.id, file: path, expected: size },
  )
