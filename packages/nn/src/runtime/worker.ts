// The worker thread behind Thread: hosts one session or one runtime and answers calls in order.
import { parentPort, workerData } from 'node:worker_threads'
import { answering, runtimeHost, sessionHost } from './host.js'
import { nodeBinding } from './node-binding.js'

const joinProcesses = async () => new (await import('./mpi.js')).Mpi()
const { host } = workerData as { host: 'session' | 'runtime' }
const hosted = host === 'session' ? sessionHost(nodeBinding) : runtimeHost(nodeBinding, joinProcesses)
const port = parentPort!
port.on(
  'message',
  answering(hosted, (response, transfer) => port.postMessage(response, transfer)),
)
