import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** What goes wrong with one request; a number is a status. */
type Fault = number | 'cut' | 'wrong' | 'slow' | 'stall' | 'whole' | undefined

/** A hub that serves one model on this machine, with the routes, redirects and headers of the real one. */
export interface TestHub {
  endpoint: string
  commit: string
  /** Every request: method, address, and the range it asked for. */
  requests: string[]
  /** Tokens that reached the store of large files, where none belongs. */
  leaked: string[]
  /** Says what goes wrong; `count` is how often the address was asked for before. */
  fault: (address: string, count: number) => Fault
  /** Tells sizes and hashes in the list of files, as the real hub does; some mirrors do not. */
  tellsBlobs: boolean
  files: Map<string, Buffer>
  close(): Promise<void>
}

type Handler = (hub: TestHub, request: IncomingMessage, response: ServerResponse, fault: Fault) => void

const LARGE = 1000
const hash = (kind: string, ...parts: (string | Uint8Array)[]) =>
  parts.reduce((sum, part) => sum.update(part), createHash(kind)).digest('hex')
export const sha256 = (bytes: Uint8Array): string => hash('sha256', bytes)
export const gitSha1 = (bytes: Uint8Array): string => hash('sha1', `blob ${bytes.length}\0`, bytes)

/** Starts a hub with one model, `org/tiny`; files of at least 1,000 bytes are kept as Git LFS does. */
export async function startHub(files: Record<string, Uint8Array | string>): Promise<TestHub> {
  const counts = new Map<string, number>()
  const hub: TestHub = {
    endpoint: '',
    commit: hash('sha1', JSON.stringify(Object.keys(files))),
    requests: [],
    leaked: [],
    fault: () => undefined,
    tellsBlobs: true,
    files: new Map(Object.entries(files).map(([name, content]) => [name, Buffer.from(content as Uint8Array)])),
    async close() {
      for (const server of [front, store]) {
        server.closeAllConnections()
        server.close()
        await once(server, 'close')
      }
    },
  }
  const answering = (handle: Handler) => (request: IncomingMessage, response: ServerResponse) => {
    const address = request.url!
    hub.requests.push([request.method, address, request.headers.range].filter(Boolean).join(' '))
    const count = counts.get(address) ?? 0
    counts.set(address, count + 1)
    const fault = hub.fault(address, count)
    if (typeof fault === 'number') response.writeHead(fault, { 'retry-after': '0' }).end()
    else handle(hub, request, response, fault)
  }
  const store = createServer(answering(serveLarge))
  store.listen(0, '127.0.0.1')
  await once(store, 'listening')
  const storeAddress = `http://127.0.0.1:${(store.address() as AddressInfo).port}`
  const front = createServer(answering((...all) => answer(storeAddress, ...all)))
  front.listen(0, '127.0.0.1')
  await once(front, 'listening')
  hub.endpoint = `http://127.0.0.1:${(front.address() as AddressInfo).port}`
  return hub
}

function answer(store: string, ...[hub, request, response, fault]: Parameters<Handler>): void {
  const address = new URL(request.url!, 'http://hub').pathname
  const revision = /^\/api\/models\/(.+)\/revision\/([^/]+)$/.exec(address)
  const file = /^\/(.+)\/resolve\/([^/]+)\/(.+)$/.exec(address)
  const [, id, rev] = revision ?? file ?? []
  const content = hub.files.get(decodeURIComponent(file?.[3] ?? ''))
  if (id !== 'org/tiny') refuse(response, 401, 'RepoNotFound')
  else if (rev !== 'main' && rev !== hub.commit) refuse(response, 404, 'RevisionNotFound')
  else if (revision) response.end(JSON.stringify({ id, sha: hub.commit, siblings: siblings(hub) }))
  else if (content) resolve(store, hub.commit, content, request, response, fault)
  else refuse(response, 404, 'EntryNotFound')
}

/** Small files come at once, large ones from the store. */
function resolve(
  store: string,
  commit: string,
  content: Buffer,
  request: IncomingMessage,
  response: ServerResponse,
  fault: Fault,
): void {
  response.setHeader('x-repo-commit', commit)
  if (content.length < LARGE) {
    send(request, response, content, fault, gitSha1(content))
    return
  }
  response.setHeader('x-linked-etag', `"${sha256(content)}"`)
  response.setHeader('x-linked-size', content.length)
  response.writeHead(302, { location: `${store}/${sha256(content)}` }).end()
}

const siblings = (hub: TestHub) =>
  [...hub.files].map(([rfilename, content]) => {
    if (!hub.tellsBlobs) return { rfilename }
    const lfs = content.length < LARGE ? {} : { lfs: { sha256: sha256(content), size: content.length } }
    return { rfilename, size: content.length, blobId: gitSha1(content), ...lfs }
  })

function refuse(response: ServerResponse, status: number, code: string): void {
  response.writeHead(status, { 'x-error-code': code }).end()
}

function serveLarge(...[hub, request, response, fault]: Parameters<Handler>): void {
  if (request.headers.authorization) hub.leaked.push(request.headers.authorization)
  const content = [...hub.files.values()].find((bytes) => `/${sha256(bytes)}` === request.url)
  if (content) send(request, response, content, fault, 'another-etag')
  else refuse(response, 404, 'EntryNotFound')
}

/** Sends the bytes, or the range that was asked for, as well as the fault lets it. */
function send(request: IncomingMessage, response: ServerResponse, content: Buffer, fault: Fault, etag: string): void {
  const from = fault === 'whole' ? 0 : Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0)
  const part = Buffer.from(content.subarray(from))
  if (fault === 'wrong') part[part.length >> 1]! ^= 1
  response.setHeader('etag', `"${etag}"`)
  response.setHeader('content-length', part.length)
  if (from > 0) response.setHeader('content-range', `bytes ${from}-${content.length - 1}/${content.length}`)
  response.writeHead(from > 0 ? 206 : 200)
  if (request.method === 'HEAD') response.end()
  else if (fault === 'cut')
    response.write(part.subarray(0, part.length >> 1), () => setTimeout(() => response.destroy(), 50))
  else if (fault === 'stall') response.write(part.subarray(0, part.length >> 1))
  else if (fault === 'slow') trickle(response, part)
  else response.end(part)
}

function trickle(response: ServerResponse, part: Buffer): void {
  const step = Math.ceil(part.length / 50)
  let at = 0
  const timer = setInterval(() => {
    response.write(part.subarray(at, at + step))
    at += step
    if (at < part.length && !response.destroyed) return
    clearInterval(timer)
    response.end()
  }, 40)
}
