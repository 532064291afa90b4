/** A worker thread that holds one loaded model version and answers batches of rows, one after another. */
import { parentPort, workerData } from 'node:worker_threads'
import { loadModel } from '@volant/fields'
import type { FromWorker, ToWorker } from './session.js'

const port = parentPort!
const send = (message: FromWorker): void => port.postMessage(message)

try {
  const model = await loadModel((workerData as { folder: string }).folder, { threads: 1, worker: false })
  port.on('message', async (message: ToWorker) => {
    if (message.kind === 'close') {
      await model.close()
      port.close()
      return
    }
    try {
      send({ kind: 'answers', batch: message.batch, answers: await model.predict(message.rows) })
    } catch (error) {
      send({ kind: 'failed', batch: message.batch, message: error instanceof Error ? error.message : String(error) })
    }
  })
  // The first prediction is slow; it is made before anybody waits for it.
  await model.predict([{}]).catch(() => undefined)
  send({ kind: 'ready' })
} catch (error) {
  send({ kind: 'broken', message: error instanceof Error ? error.message : String(error) })
}
