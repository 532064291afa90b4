import { Worker } from 'node:worker_threads'
import { NnError } from '../errors.js'
import { asOutOfMemory } from './memory.js'
import { type Caller, Calls, type Request, type Response, releasedError } from './remote.js'

/** What the thread is given. */
export interface ThreadData {
  readonly host: 'session' | 'runtime'
  /** 1 in its only element: the calls still waiting are not wanted any more. */
  readonly ending: Int32Array
}

/** A worker thread that hosts one object and answers calls of its methods, in the order they were made. */
export class Thread implements Caller {
  readonly #worker: Worker
  readonly #calls = new Calls()
  readonly #ending = new Int32Array(new SharedArrayBuffer(4))
  readonly #ended: Promise<void>
  #failure: Error | undefined

  /** Starts from dist also when this file runs from src (tests). */
  constructor(readonly host: ThreadData['host']) {
    const file = new URL('../../dist/runtime/worker.js', import.meta.url)
    const workerData: ThreadData = { host, ending: this.#ending }
    this.#worker = new Worker(file, { workerData, execArgv: [], name: `volant-${host}` })
    this.#ended = new Promise((resolve) => this.#worker.once('exit', () => resolve()))
    this.#worker.on('message', (response: Response) => {
      this.#calls.settle(response)
      // While it ends it stays: the process must live to see the end.
      if (this.#calls.idle && !this.#failure) this.#worker.unref()
    })
    this.#worker.on('error', (cause) =>
      this.#fail(
        asOutOfMemory(cause) ??
          new NnError('worker-failed', `The ${host} thread failed: ${cause.message}`, {}, { cause }),
      ),
    )
    this.#worker.on('exit', (code) => {
      const lost = host === 'runtime' ? '; its weights are lost: open another and resume from a checkpoint' : ''
      this.#fail(new NnError('worker-ended', `The ${host} thread ended (exit code ${code})${lost}`, { code }))
    })
    this.#worker.unref()
  }

  /** Throws the reason when the thread does no more calls. */
  refuseEnded(): void {
    if (this.#failure) throw this.#failure
  }

  call(method: string, args: readonly unknown[], transfer: readonly ArrayBuffer[] = []): Promise<unknown> {
    return this.#calls.make(method, args, (request) => {
      this.#worker.ref() // an idle thread does not keep the process alive, a working one does
      this.#worker.postMessage(request, transfer)
    })
  }

  /** Resolves when the thread has ended, after the call it is at. */
  async end(): Promise<void> {
    this.#fail(releasedError(this.host))
    Atomics.store(this.#ending, 0, 1)
    this.#worker.ref()
    this.#worker.postMessage({ id: -1, method: 'end', args: [] } satisfies Request)
    await this.#ended
  }

  #fail(error: Error): void {
    this.#failure ??= error
    this.#calls.fail(error)
  }
}
