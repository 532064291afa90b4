/** A worker thread that holds one language model and does its tasks, one after another. */
import path from 'node:path'
import { parentPort, workerData } from 'node:worker_threads'
import { locateModel } from '@volant/models'
import type { FromModel, Task, ThreadSettings, ToModel } from './messages.js'
import { type OpenedModel, openModel } from './opened-model.js'

const port = parentPort!
const send = (message: FromModel, transfer: ArrayBuffer[] = []): void => port.postMessage(message, transfer)
const said = (error: unknown): string => (error instanceof Error ? error.message : String(error))

const { source, ...settings } = workerData as ThreadSettings
let place: string | undefined
try {
  place = path.resolve(await locateModel(source))
  const model = await openModel(place, settings)
  let current: { id: number; stop: AbortController; ended: Promise<void> } | undefined
  port.on('message', async (message: ToModel) => {
    if (message.kind === 'do') {
      const stop = new AbortController()
      current = { id: message.id, stop, ended: run(model, message, stop.signal) }
    } else if (message.kind === 'close') {
      current?.stop.abort()
      await current?.ended
      await model.release()
      port.close()
    } else if (current?.id === message.id) current.stop.abort()
  })
  send({ kind: 'ready', facts: { ...model.facts, place } })
} catch (error) {
  send({ kind: 'broken', message: said(error), place })
}

async function run(model: OpenedModel, { id, task }: { id: number; task: Task }, signal: AbortSignal): Promise<void> {
  try {
    const result = await model.run(task, signal, (text) => send({ kind: 'piece', id, text }))
    const buffers = 'vectors' in result ? [...new Set(result.vectors.map(({ buffer }) => buffer as ArrayBuffer))] : []
    send({ kind: 'done', id, result }, buffers)
  } catch (error) {
    const { code } = error as { code?: unknown }
    send({ kind: 'failed', id, code: typeof code === 'string' ? code : undefined, message: said(error) })
  }
}
