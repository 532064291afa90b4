import { createServer, type Socket } from 'node:net'
import { VolantError } from '@volant/data'
import pino, { type Logger } from 'pino'
import { Access, accessMigrations } from './access/index.js'
import { accessRoutes } from './access-routes.js'
import type { App } from './api.js'
import { makeApp, shownProblemOf } from './app.js'
import { Channels, channelKinds, channelsMigrations, tokenKinds } from './channels/index.js'
import { readOrigin } from './cors.js'
import { Jobs, jobsMigrations } from './jobs/index.js'
import { HostedModels, type LanguageOptions, LanguageService, openAiRoutes, tokenRoutes } from './language/index.js'
import { loopKinds, loopMigrations, makeLoop } from './loop.js'
import { Metrics } from './metrics.js'
import { describeApi } from './openapi.js'
import { eventRoutes, operationsRoutes } from './operations.js'
import { checkPage, servePage } from './page.js'
import { Journal, journalMigrations, openStore, toStderr } from './store/index.js'

export interface ServerOptions {
  /** 0 takes any free port. Default 4600. */
  port?: number
  /** Default 127.0.0.1: this machine alone, where its owner needs no key. */
  host?: string
  /** Made when it is not there; one server at a time may use it. */
  dataFolder: string
  /** Files for `/`, with an index.html. */
  staticFolder?: string
  /** A PostgreSQL server in place of the database in the data folder. */
  databaseUrl?: string
  /** `always`: a key is needed on this machine too. */
  keys?: 'local' | 'always'
  /** Origins whose pages may use the API from a browser, such as https://app.example.com. Default: none. */
  cors?: readonly string[]
  /** Language models that are answered with under /v1. */
  language?: LanguageOptions
  /** pino's logger; default logs of level VOLANT_LOG (or warn) to stderr; false: none. */
  logger?: Logger | false
}

export interface RunningServer {
  url: string
  port: number
  /** The owner's key, on the start that made it; else null. */
  ownerKey: string | null
  /** Answers what was asked, ends jobs so that they come back, closes the store. */
  close(): Promise<void>
}

/** How long a request may still take when the server stops, in ms. */
const PATIENCE = 8000

/**
 * Starts the loop as a service: one process with its database, jobs, models and HTTP app.
 * @throws VolantError port-in-use, bad-host, data-folder-in-use, bad-data-folder, newer-data-folder, bad-static-folder, bad-origin, bad-models …
 */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const {
    port = 4600,
    host = '127.0.0.1',
    dataFolder,
    databaseUrl,
    staticFolder,
    keys,
    cors = [],
    language = {},
  } = options
  const log =
    options.logger === false
      ? pino({ level: 'silent' })
      : (options.logger ?? pino({ level: process.env['VOLANT_LOG'] ?? 'warn' }, toStderr))
  const opened: (() => Promise<void> | void)[] = []
  const closeAll = async (): Promise<void> => {
    for (const close of opened.splice(0).reverse()) await close()
  }
  try {
    if (staticFolder) checkPage(staticFolder)
    for (const origin of cors) readOrigin(origin)
    await tryPort(port, host)
    const migrations = [
      ...journalMigrations,
      ...jobsMigrations,
      ...accessMigrations,
      ...channelsMigrations,
      ...loopMigrations,
    ]
    let broken = false
    const onFatal = (error: Error): void => {
      broken = true
      log.fatal({ err: error }, 'the database has stopped; restart the server')
    }
    const store = await openStore({ dataFolder, databaseUrl, migrations, log, onFatal })
    opened.push(() => store.close())
    const journal = await Journal.open({ store, kinds: { ...channelKinds, ...tokenKinds, ...loopKinds }, log })
    opened.push(() => journal.close())
    const channels = await Channels.open({ store, log })
    opened.push(() => channels.close())
    const access = await Access.start({ store, boundHost: host, keys, log })
    opened.push(() => access.close())
    const jobs = await Jobs.start({ store, log })
    opened.push(() => jobs.stop())
    const metrics = new Metrics()
    metrics.gauge('volant_journal_waiting', 'Records that wait for the database.', () => journal.stats().waiting)
    const loop = makeLoop({ store, journal, channels, jobs, access, metrics, log })
    opened.push(() => loop.close())
    const hosted = new HostedModels(language, log)
    opened.push(() => hosted.close())
    metrics.gauge('volant_language_models_loaded', 'Language models in memory.', () => hosted.loaded)
    const service = new LanguageService({ hosted, channels, journal, metrics })
    let ready = false
    const app = makeApp({ access, metrics, log, dataFolder: store.folder, cors })
    await describeApi(app)
    operationsRoutes(app, { metrics, ready: () => ready && !broken })
    let streams: { close(): void } | undefined
    await app.register(
      async (api: App) => {
        loop.routes(api)
        accessRoutes(api, { access, channels })
        tokenRoutes(api, service)
        streams = eventRoutes(api, loop)
      },
      { prefix: '/api/v1' },
    )
    const problemOf = shownProblemOf(store.folder)
    await app.register(async (v1: App) => openAiRoutes(v1, { service, problemOf }), { prefix: '/v1' })
    if (staticFolder) await servePage(app, staticFolder)
    const sockets = new Set<Socket>()
    app.server.on('connection', (socket) => {
      sockets.add(socket)
      socket.once('close', () => sockets.delete(socket))
    })
    await listening(app.listen({ port, host }), port, host)
    opened.push(async () => {
      ready = false
      streams?.close()
      // A connection that becomes idle after its answer would otherwise be kept for a minute, one that a client opened
      // ahead of its next request for ever.
      const idle = setInterval(() => {
        app.server.closeIdleConnections()
        for (const socket of sockets) if (socket.bytesRead === 0) socket.destroy()
      }, 50)
      // A client that never sends the rest of its request must not hold the stop.
      const late = setTimeout(() => {
        for (const socket of sockets) socket.destroy()
      }, PATIENCE)
      await app.close()
      clearInterval(idle)
      clearTimeout(late)
    })
    await loop.start()
    ready = true
    const address = app.server.address() as { port: number }
    const shown = host === '0.0.0.0' || host === '::' ? 'localhost' : host.includes(':') ? `[${host}]` : host
    return { url: `http://${shown}:${address.port}`, port: address.port, ownerKey: access.ownerKey, close: closeAll }
  } catch (error) {
    await closeAll()
    throw error
  }
}

/** Says at once, before the store is opened, that a port cannot be had. */
async function tryPort(port: number, host: string): Promise<void> {
  if (port === 0) return
  const probe = createServer()
  await listening(
    new Promise((resolve, reject) => probe.once('error', reject).listen({ port, host }, () => probe.close(resolve))),
    port,
    host,
  )
}

async function listening(started: Promise<unknown>, port: number, host: string): Promise<void> {
  try {
    await started
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'EADDRINUSE')
      throw new VolantError(
        'port-in-use',
        `Port ${port} on ${host} is in use; choose another with --port, or stop the program that uses it.`,
        { port, host },
      )
    if (code === 'EACCES')
      throw new VolantError(
        'port-forbidden',
        `Port ${port} may not be used by this user; choose one above 1023 with --port.`,
        { port, host },
      )
    if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND')
      throw new VolantError('bad-host', `"${host}" is no address of this machine; use 127.0.0.1, or 0.0.0.0 for all.`, {
        host,
      })
    throw error
  }
}
