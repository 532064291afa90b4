import type { Tensor } from '@volant/graph'
import { NnError } from '../errors.js'
import type { Binding, SessionSettings } from './binding.js'
import { checkFeed, createSession, fromOrt, type OnnxSession, type Port, runSession, toOrt } from './onnx-session.js'
import { releasedError } from './remote.js'

/** A loaded model for inference. Runs asked for at the same time are done one after the other. */
export interface Session {
  readonly inputs: readonly Port[]
  readonly outputs: readonly Port[]
  /** Runs the model; `outputs` names the tensors wanted (all by default). The tensors fed stay the caller's. */
  run(feeds: Readonly<Record<string, Tensor>>, outputs?: readonly string[]): Promise<Record<string, Tensor>>
  /** Gives its memory back. What was asked for before is still answered where it runs in this thread; later, `released`. */
  release(): Promise<void>
}

/** A session in the calling thread; also what a worker hosts. */
export class LocalSession implements Session {
  #released = false
  #previous: Promise<unknown> = Promise.resolve()

  private constructor(
    readonly binding: Binding,
    readonly onnx: OnnxSession,
  ) {}

  get inputs(): readonly Port[] {
    return this.onnx.inputs
  }

  get outputs(): readonly Port[] {
    return this.onnx.outputs
  }

  static async open(binding: Binding, model: Uint8Array | string, settings: SessionSettings): Promise<LocalSession> {
    return new LocalSession(binding, await createSession(binding, model, settings))
  }

  async run(feeds: Readonly<Record<string, Tensor>>, outputs = this.outputs.map(({ name }) => name)) {
    if (this.#released) throw releasedError('session')
    checkCall(this, feeds, outputs)
    const tensors = Object.fromEntries(this.inputs.map(({ name }) => [name, toOrt(this.binding, feeds[name]!)]))
    const fetches = Object.fromEntries(outputs.map((name) => [name, null]))
    const results = await this.#inTurn(() => runSession(this.onnx, tensors, fetches))
    return Object.fromEntries(outputs.map((name) => [name, fromOrt(results[name]!)]))
  }

  async release(): Promise<void> {
    if (this.#released) return
    this.#released = true
    await this.#inTurn(() => this.onnx.session.release())
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.#previous.then(work)
    this.#previous = mine.catch(() => {})
    return mine
  }
}

export function checkCall(
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
