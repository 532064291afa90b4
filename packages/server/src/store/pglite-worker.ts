// Hosts PGlite in a worker thread, so that a long query leaves the server's event loop free.
import { type MessagePort, parentPort, workerData } from 'node:worker_threads'
import { PGlite, types } from '@electric-sql/pglite'
import type { Answer, Ask, WorkerSettings } from './pglite-messages.js'

const port = parentPort as MessagePort
const { folder } = workerData as WorkerSettings

// int8 as string, as the driver for a PostgreSQL server gives it.
const database = await PGlite.create({
  dataDir: folder,
  parsers: { [types.INT8]: (value: string) => value },
})

const stops = new Map<number, () => Promise<void>>()

async function answer(ask: Ask): Promise<unknown> {
  switch (ask.op) {
    case 'query': {
      const { rows, affectedRows, command } = await database.query(ask.sql, ask.params)
      return { rows, affectedRows, command }
    }
    case 'exec':
      return (await database.exec(ask.sql)).map(({ rows }) => ({ rows }))
    case 'listen':
      stops.set(ask.id, await database.listen(ask.channel, (payload) => send({ op: 'notified', id: ask.id, payload })))
      return undefined
    case 'unlisten':
      await stops.get(ask.listener)?.()
      stops.delete(ask.listener)
      return undefined
    case 'dump':
      return new Uint8Array(await (await database.dumpDataDir('none')).arrayBuffer())
    case 'close':
      await database.close()
      return undefined
  }
}

function send(message: Answer, transfer: ArrayBuffer[] = []): void {
  port.postMessage(message, transfer)
}

port.on('message', async (ask: Ask) => {
  try {
    const value = await answer(ask)
    const transfer = value instanceof Uint8Array ? [value.buffer as ArrayBuffer] : []
    send({ op: 'done', id: ask.id, value }, transfer)
  } catch (error) {
    const { message, code, detail, hint, constraint, table, column } = error as Error & Record<string, string>
    send({ op: 'failed', id: ask.id, error: { message, code, detail, hint, constraint, table, column } })
  }
  if (ask.op === 'close') port.close()
})

send({ op: 'ready' })
