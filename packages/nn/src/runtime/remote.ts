import type { Tensor } from '@volant/graph'
import { NnError } from '../errors.js'
import type { Runtime } from './interface.js'
import { asOutOfMemory } from './memory.js'

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

/** Something that does the calls made to it, one after the other: a thread, a web worker. */
export interface Caller {
  /** Buffers in `transfer` move to the other side and are gone here. */
  call(method: string, args: readonly unknown[], transfer?: readonly ArrayBuffer[]): Promise<unknown>
  end(): Promise<void>
}

/** The calls to another thread that are not answered yet. */
export class Calls {
  readonly #pending = new Map<number, Pending>()
  #count = 0
  #failure: Error | undefined

  get idle(): boolean {
    return this.#pending.size === 0
  }

  /** Hands the request to `post`; settled by `settle` or `fail`. */
  make(method: string, args: readonly unknown[], post: (request: Request) => void): Promise<unknown> {
    if (this.#failure) return Promise.reject(this.#failure)
    return new Promise((resolve, reject) => {
      const id = this.#count++
      this.#pending.set(id, { resolve, reject })
      post({ id, method, args })
    })
  }

  settle({ id, value, error }: Response): void {
    const pending = this.#pending.get(id)
    this.#pending.delete(id)
    if (error) pending?.reject(revive(error))
    else pending?.resolve(value)
  }

  /** Refuses all calls, those under way and those to come, with the first failure. */
  fail(error: Error): void {
    this.#failure ??= error
    for (const { reject } of this.#pending.values()) reject(this.#failure)
    this.#pending.clear()
  }
}

/** A runtime behind a caller. */
export function remoteRuntime(caller: Caller, settings: { threads?: number; device?: string }): Runtime {
  return {
    async load(name, program) {
      await caller.call('load', [name, program, settings])
    },
    async step(name, batch, scalars = {}) {
      const feeds = Object.fromEntries(
        Object.entries(batch).map(([input, tensor]) => [input, transferable(tensor, 'move')]),
      )
      return (await caller.call('run', [name, feeds, scalars], buffersOf(feeds))) as Record<string, Tensor>
    },
    async read(names) {
      return (await caller.call('read', [names])) as Record<string, Tensor>
    },
    async write(tensors) {
      const copies = Object.fromEntries(
        Object.entries(tensors).map(([name, tensor]) => [name, transferable(tensor, 'copy')]),
      )
      await caller.call('write', [copies], buffersOf(copies))
    },
    release: () => caller.end(),
  }
}

export const releasedError = (what: string) => new NnError('released', `The ${what} was released; open another`)

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
  if (how === 'move' && whole) return tensor
  try {
    return { ...tensor, data: data.slice() }
  } catch (cause) {
    throw asOutOfMemory(cause, data.byteLength) ?? cause
  }
}

export function buffersOf(tensors: Readonly<Record<string, Tensor>>): ArrayBuffer[] {
  return [...new Set(Object.values(tensors).map(({ data }) => data.buffer as ArrayBuffer))]
}
