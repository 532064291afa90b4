import path from 'node:path'
import { command } from '../command.js'
import { consoleFolder } from '../console-folder.js'
import { Stopped } from '../terminal/terminal.js'

export const up = command({
  name: 'up',
  summary: 'Serve the loop: API, page, training and feedback in one process',
  arguments: [],
  options: ['port', 'host', 'data', 'keys', 'cors', 'json'],
  examples: [
    ['volant up', 'http://127.0.0.1:4600, data in ./volant-data'],
    ['volant up --host 0.0.0.0 --port 8080 --data /srv/volant', 'for others too: keys are then needed'],
    ['DATABASE_URL=postgres://… volant up', 'on a PostgreSQL server'],
  ],
  async run(_args, { port = 4600, host = '127.0.0.1', data = 'volant-data', keys, cors, json }, terminal) {
    const { startServer } = await import('@volant/server')
    const { default: closeWithGrace } = await import('close-with-grace')
    const server = await startServer({
      port,
      host,
      dataFolder: path.resolve(data),
      keys,
      cors,
      staticFolder: consoleFolder(),
      databaseUrl: process.env['DATABASE_URL'] || undefined,
    })
    // Ctrl-C while it started.
    if (terminal.signal.aborted) {
      await server.close()
      throw new Stopped()
    }
    if (json) terminal.print(JSON.stringify({ url: server.url, port: server.port, ownerKey: server.ownerKey }))
    else {
      terminal.print(`Volant serves at ${server.url}   (API: ${server.url}/api/docs, Ctrl-C stops)`)
      if (server.ownerKey) terminal.print(`The owner's key, shown only now: ${server.ownerKey}`)
    }
    await new Promise<void>((resolve) => {
      closeWithGrace({ delay: 15_000 }, async ({ err }) => {
        if (err) terminal.note(`volant: ${err.stack ?? err.message}`)
        await server.close()
        resolve()
      })
    })
  },
})
