import { cp, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { type RunningServer, type ServerOptions, startServer } from './server.js'
import { emptyPglite } from './store/databases.testing.js'

// biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape
export type Json = any

/** A real server on its real store in a folder of its own, asked over HTTP. */
export class TestServer {
  private constructor(
    readonly folder: string,
    readonly server: RunningServer,
    private readonly options: Partial<ServerOptions>,
  ) {}

  static async start(options: Partial<ServerOptions> = {}): Promise<TestServer> {
    const folder = options.dataFolder ?? (await freshFolder())
    return new TestServer(
      folder,
      await startServer({ port: 0, logger: false, ...options, dataFolder: folder }),
      options,
    )
  }

  async restart(): Promise<TestServer> {
    await this.server.close()
    return TestServer.start({ ...this.options, dataFolder: this.folder })
  }

  async stop(): Promise<void> {
    await this.server.close()
    await rm(this.folder, { recursive: true, force: true })
  }

  get url(): string {
    return this.server.url
  }

  /** Asks and gives status, headers and document. */
  async ask(
    method: string,
    address: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<{ status: number; headers: Headers; body: Json }> {
    const raw = typeof body === 'string' || body instanceof Uint8Array || body instanceof FormData
    const json: Record<string, string> = body === undefined || raw ? {} : { 'content-type': 'application/json' }
    const sent = body === undefined || raw ? body : JSON.stringify(body)
    const response = await fetch(`${this.url}${address}`, { method, headers: { ...json, ...headers }, body: sent })
    const text = await response.text()
    const isJson = response.headers.get('content-type')?.includes('json')
    return { status: response.status, headers: response.headers, body: isJson ? JSON.parse(text) : text }
  }

  /** The same under /api/v1; throws unless it is answered with 2xx. */
  async api(method: string, address: string, body?: unknown, headers?: Record<string, string>): Promise<Json> {
    const answer = await this.ask(method, `/api/v1${address}`, body, headers)
    if (answer.status >= 300) throw new Error(`${method} ${address}: ${answer.status} ${JSON.stringify(answer.body)}`)
    return answer.body
  }

  /** Asks again until a run or an iteration has ended. */
  async ended(address: string): Promise<Json> {
    for (;;) {
      const found = await this.api('GET', address)
      if (!['waiting', 'running'].includes(found.state)) return found
      await wait(100)
    }
  }
}

/** A data folder with an empty database in it: making one takes seconds. */
async function freshFolder(): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'volant-server-'))
  await cp(await emptyPglite(), path.join(folder, 'database'), { recursive: true })
  return folder
}

const subjects = {
  billing: ['invoice', 'refund', 'charge', 'payment', 'receipt', 'card'],
  delivery: ['parcel', 'courier', 'shipping', 'address', 'tracking', 'late'],
  account: ['password', 'login', 'email', 'username', 'profile', 'reset'],
} as const
const queues = Object.keys(subjects) as (keyof typeof subjects)[]

/** Made-up tickets: words of their queue among words of none. Row `n` is always the same. */
export function ticket(n: number): { message: string; plan: string; queue: string; urgent: boolean } {
  const queue = queues[n % 3]!
  const words = subjects[queue]
  const at = (salt: number) => ((n + 1) * 2654435761 * (salt + 1)) >>> 7
  const filler = ['please', 'help', 'today', 'again', 'still', 'hello', 'my', 'the', 'order', 'thanks']
  const said = [0, 1, 2].map((i) => filler[at(i) % filler.length])
  const message = [`t${n}`, said[0], words[at(3) % 6], said[1], words[at(4) % 6], said[2]].join(' ')
  return { message, plan: n % 2 ? 'pro' : 'free', queue, urgent: at(5) % 4 === 0 }
}

export const ticketSpec = {
  inputs: { message: { type: 'text' }, plan: 'category' },
  outputs: { queue: { type: 'category' } },
  train: { timeLimit: '10s', encoder: 'linear' },
}

export function tickets(from: number, to: number): ReturnType<typeof ticket>[] {
  return Array.from({ length: to - from }, (_, at) => ticket(from + at))
}

/** Rows as a CSV file. */
export function csv(rows: object[]): string {
  const names = Object.keys(rows[0]!)
  const cell = (value: unknown) =>
    /[",\n]/.test(String(value ?? '')) ? `"${String(value).replaceAll('"', '""')}"` : String(value ?? '')
  return `${[names.join(','), ...rows.map((row) => names.map((name) => cell((row as Json)[name])).join(','))].join('\n')}\n`
}
