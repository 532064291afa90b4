import { Worker } from 'node:worker_threads'
import type { Tensor } from '@volant/graph'
import { NnError } from '../errors.js'

export interface Request {
  readonly id: number
  readonly method: string
  readonly args: readonly unknown[]
}

export interface Response {
  readonly id: number
  readonly value?: unknown
  readonly error?: { name: string; message: string; code?: string; details?: Record<string, unknown>; stack?: string }
}

interface Pending {
  resolve(value: unknown): void
  reject(error: Error): void
}

/** A worker thread that hosts one object and answers calls of its methods, in the order they were made. */
export class Thread {
  readonly #worker: Worker
  readonly #pending = new Map<number, Pending>()
  #calls = 0
  #failure: Error | undefined

  /** Starts from dist also when this file runs from src (tests). */
  constructor(host: 'session' | 'runtime') {
    const file = new URL('../../dist/runtime/worker.js', import.meta.url)
    this.#worker = new Worker(file, { workerData: { host }, execArgv: [], name: `volant-${host}` })
    this.#worker.on('message', (response: Response) => this.#settle(response))
    this.#worker.on('error', (cause) =>
      this.#fail(new NnError('worker-failed', `The ${host} thread failed: ${cause.message}`, {}, { cause })),
    )
    this.#worker.on('exit', (code) =>
      this.#fail(new NnError('worker-ended', `The ${host} thread ended (exit code ${code})`, { code })),
    )
    this.#worker.unref()
  }

  get ended(): boolean {
    return this.#failure !== undefined
  }

  /** Buffers in `transfer` move to the thread and are gone here. */
  call(method: string, args: readonly unknown[], transfer: readonly ArrayBuffer[] = []): Promise<unknown> {
    if (this.#failure) return Promise.reject(this.#failure)
    return new Promise((resolve, reject) => {
      const id = this.#calls++
      this.#pending.set(id, { resolve, reject })
      this.#worker.ref() // an idle thread does not keep the process alive, a working one does
      this.#worker.postMessage({ id, method, args } satisfies Request, transfer)
    })
  }

  async end(): Promise<void> {
    await this.#worker.terminate()
  }

  #settle({ id, value, error }: Response): void {
    const pending = this.#pending.get(id)
    this.#pending.delete(id)
    if (this.#pending.size === 0) this.#worker.unref()
    if (error) pending?.reject(revive(error))
    else pending?.resolve(value)
  }
  #fail(error: Error): void {
    this.#failure ??= error
    for (const { reject } of this.#pending.values()) reject(error)
    this.#pending.clear()
  }
}

/** The error of the thread, its class restored, its stack followed by ours. */
function revive({ name, message, code, details, stack }: NonNullable<Response['error']>): Error {
  const error = code === undefined ? Object.assign(new Error(message), { name }) : new NnError(code, message, details)
  error.stack = `${stack}\n    in the thread called from\n${error.stack}`
  return error
}

/**
 * The tensor over a buffer of its own, fit to be transferred: `move` gives up the caller's array where it owns its whole
 * buffer, `copy` leaves it untouched. (Posting a view would copy everything that lies beside it.)
 */
export function transferable(tensor: Tensor, how: 'copy' | 'move'): Tensor {
  const { data } = tensor
  const whole = data.buffer instanceof ArrayBuffer && data.byteLength === data.buffer.byteLength
  return how === 'move' && whole ? tensor : { ...tensor, data: data.slice() }
}

export function buffersOf(tensors: Readonly<Record<string, Tensor>>): ArrayBuffer[] {
  return [...new Set(Object.values(tensors).map(({ data }) => data.buffer as ArrayBuffer))]
}
