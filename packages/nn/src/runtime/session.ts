import type { Tensor } from '@volant/graph'
import { NnError } from '../errors.js'
import {
  checkFeed,
  createSession,
  fromOrt,
  type OnnxSession,
  type Port,
  runSession,
  type SessionSettings,
  toOrt,
} from './onnx-session.js'
import { buffersOf, Thread, transferable } from './thread.js'

/** A loaded model for inference. Runs asked for at the same time are done one after the other. */
export interface Session {
  readonly inputs: readonly Port[]
  readonly outputs: readonly Port[]
  /** Runs the model; `outputs` names the tensors wanted (all by default). The tensors fed stay the caller's. */
  run(feeds: Readonly<Record<string, Tensor>>, outputs?: readonly string[]): Promise<Record<string, Tensor>>
  release(): Promise<void>
}

export interface SessionOptions {
  /** Threads that share one operation; default 1, which serves most requests per core. */
  readonly threads?: number
  /** Run in a worker thread, so that the caller's event loop stays free; a run blocks its thread. Default false. */
  readonly worker?: boolean
}

/**
 * Opens an ONNX model, given as bytes or as a file path, on the CPU.
 * Throws NnError `bad-model` (cannot be loaded), `bad-feed` and `unknown-output` (on run), `released`.
 */
export async function openSession(model: Uint8Array | string, options: SessionOptions = {}): Promise<Session> {
  return options.worker ? WorkerSession.open(model, options) : LocalSession.open(model, options)
}

/** A session in the calling thread; also what the worker hosts. */
export class LocalSession implements Session {
  #session: OnnxSession | undefined

  private constructor(session: OnnxSession) {
    this.#session = session
    this.inputs = session.inputs
    this.outputs = session.outputs
  }

  readonly inputs: readonly Port[]
  readonly outputs: readonly Port[]

  static async open(model: Uint8Array | string, settings: SessionSettings): Promise<LocalSession> {
    return new LocalSession(await createSession(model, settings))
  }

  async run(feeds: Readonly<Record<string, Tensor>>, outputs = this.outputs.map(({ name }) => name)) {
    if (!this.#session) throw releasedError()
    checkCall(this, feeds, outputs)
    const tensors = Object.fromEntries(this.inputs.map(({ name }) => [name, toOrt(feeds[name]!)]))
    const results = await runSession(this.#session, tensors, outputs)
    return Object.fromEntries(outputs.map((name) => [name, fromOrt(results[name]!)]))
  }

  async release(): Promise<void> {
    const session = this.#session
    this.#session = undefined
    await session?.session.release()
  }
}

class WorkerSession implements Session {
  private constructor(
    readonly thread: Thread,
    readonly inputs: readonly Port[],
    readonly outputs: readonly Port[],
  ) {}

  static async open(model: Uint8Array | string, { threads }: SessionOptions): Promise<WorkerSession> {
    const thread = new Thread('session')
    try {
      const ports = (await thread.call('open', [model, { threads }])) as { inputs: Port[]; outputs: Port[] }
      return new WorkerSession(thread, ports.inputs, ports.outputs)
    } catch (error) {
      await thread.end()
      throw error
    }
  }

  async run(feeds: Readonly<Record<string, Tensor>>, outputs = this.outputs.map(({ name }) => name)) {
    if (this.thread.ended) throw releasedError()
    checkCall(this, feeds, outputs)
    const copies = Object.fromEntries(this.inputs.map(({ name }) => [name, transferable(feeds[name]!, 'copy')]))
    return (await this.thread.call('run', [copies, outputs], buffersOf(copies))) as Record<string, Tensor>
  }

  async release(): Promise<void> {
    await this.thread.end()
  }
}

function checkCall(
  { inputs, outputs }: Session,
  feeds: Readonly<Record<string, Tensor>>,
  wanted: readonly string[],
): void {
  for (const port of inputs) checkFeed(port, feeds[port.name])
  for (const name of wanted) {
    if (outputs.some((port) => port.name === name)) continue
    const known = outputs.map((port) => port.name).join(', ')
    throw new NnError('unknown-output', `The model has no output "${name}"; it has ${known}`, { name })
  }
}

const releasedError = () => new NnError('released', 'The session was released; open it again')
