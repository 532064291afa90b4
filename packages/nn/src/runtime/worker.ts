// The worker thread behind Thread: hosts one session or one runtime and answers calls in order.
import { parentPort, workerData } from 'node:worker_threads'
import { answering, type Host, runtimeHost, sessionHost } from './host.js'
import { nodeBinding } from './node-binding.js'
import type { ThreadData } from './thread.js'

const joinProcesses = async () => new (await import('./mpi.js')).Mpi()
const { host, ending } = workerData as ThreadData
const hosted = host === 'session' ? sessionHost(nodeBinding) : runtimeHost(nodeBinding, joinProcesses)

/** Ends the thread from within, between two calls. Terminated from outside, V8 may abort the process while it takes in a message. */
const end = () => process.exit()
const methods: Host = Object.fromEntries(
  Object.entries(hosted).map(([name, method]) => [
    name,
    (...args: never[]) => (Atomics.load(ending, 0) === 1 ? end() : method(...args)),
  ]),
)
const port = parentPort!
port.on(
  'message',
  answering({ ...methods, end }, (response, transfer) => port.postMessage(response, transfer)),
)
