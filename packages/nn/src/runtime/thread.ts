import { Worker } from 'node:worker_threads'
import { NnError } from '../errors.js'
import { asOutOfMemory } from './memory.js'
import { type Caller, Calls, type Response, releasedError } from './remote.js'

/** A worker thread that hosts one object and answers calls of its methods, in the order they were made. */
export class Thread implements Caller {
  readonly #worker: Worker
  readonly #calls = new Calls()
  #failure: Error | undefined

  /** Starts from dist also when this file runs from src (tests). */
  constructor(readonly host: 'session' | 'runtime') {
    const file = new URL('../../dist/runtime/worker.js', import.meta.url)
    this.#worker = new Worker(file, { workerData: { host }, execArgv: [], name: `volant-${host}` })
    this.#worker.on('message', (response: Response) => {
      this.#calls.settle(response)
      if (this.#calls.idle) this.#worker.unref()
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

  async end(): Promise<void> {
    this.#fail(releasedError(this.host))
    await this.#worker.terminate()
  }

  #fail(error: Error): void {
    this.#failure ??= error
    this.#calls.fail(error)
  }
}
