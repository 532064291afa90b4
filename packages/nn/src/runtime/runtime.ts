import { availableParallelism, Thread } from '#platform'
import type { Device } from './devices.js'
import type { Runtime } from './interface.js'
import { remoteRuntime } from './remote.js'

export interface RuntimeOptions {
  /** Threads that share one operation; default: all cores. */
  readonly threads?: number
  /** What computes; default the processor. See `presentDevices`. */
  readonly device?: Device
}

/**
 * A runtime in a worker thread, with ONNX Runtime for Node. `load` throws NnError `unknown-device` or `absent-device`, which
 * list the devices present, `bad-threads`, `bad-model`; `load` and `step` throw `out-of-memory`, which says how much was wanted.
 */
export function createRuntime(options: RuntimeOptions = {}): Runtime {
  const { threads = availableParallelism(), device } = options
  return remoteRuntime(new Thread('runtime'), { threads, device })
}
