import type { Tensor, TensorApart } from '@volant/graph'
import { binding, Thread } from '#platform'
import type { Device } from './devices.js'
import { checkCall, LocalSession, type Session } from './local-session.js'
import type { Port } from './onnx-session.js'
import { buffersOf, transferable } from './remote.js'

export type { Session } from './local-session.js'

export interface SessionOptions {
  /** Threads that share one operation; default 1, which serves most requests per core. */
  readonly threads?: number
  /** What computes; default the processor. See `presentDevices`. */
  readonly device?: Device
  /** Run in a worker thread, so that the caller's event loop stays free; a run blocks its thread. Default false. */
  readonly worker?: boolean
  /** Bytes of tensors that lie beside the model; see `encodeOnnxApart`. */
  readonly apart?: readonly TensorApart[]
}

/**
 * Opens an ONNX model, given as bytes or as a file path.
 * Throws NnError `bad-model` (cannot be loaded), `unknown-device` and `absent-device` (which list those present),
 * `out-of-memory` (says how much was wanted), and on run also `bad-feed`, `unknown-output`, `released`.
 */
export async function openSession(model: Uint8Array | string, options: SessionOptions = {}): Promise<Session> {
  const { worker, ...settings } = options
  return worker ? WorkerSession.open(model, settings) : LocalSession.open(binding, model, settings)
}

class WorkerSession implements Session {
  private constructor(
    readonly thread: Thread,
    readonly inputs: readonly Port[],
    readonly outputs: readonly Port[],
  ) {}

  static async open(model: Uint8Array | string, settings: SessionOptions): Promise<WorkerSession> {
    const thread = new Thread('session')
    try {
      const ports = (await thread.call('open', [model, settings])) as { inputs: Port[]; outputs: Port[] }
      return new WorkerSession(thread, ports.inputs, ports.outputs)
    } catch (error) {
      await thread.end()
      throw error
    }
  }

  async run(feeds: Readonly<Record<string, Tensor>>, outputs = this.outputs.map(({ name }) => name)) {
    this.thread.refuseEnded()
    checkCall(this, feeds, outputs)
    const copies = Object.fromEntries(this.inputs.map(({ name }) => [name, transferable(feeds[name]!, 'copy')]))
    return (await this.thread.call('run', [copies, outputs], buffersOf(copies))) as Record<string, Tensor>
  }

  async release(): Promise<void> {
    await this.thread.end()
  }
}
