import type { Tensor } from '@volant/graph'
import { NnError } from '../errors.js'
import type { Binding, SessionSettings } from './binding.js'
import { LocalSession } from './local-session.js'
import { asOutOfMemory } from './memory.js'
import type { Mpi } from './mpi.js'
import { buffersOf, type Request, type Response } from './remote.js'
import { ResidentState } from './resident-state.js'

/** The methods that a caller may call. */
export type Host = Record<string, (...args: never[]) => Promise<unknown>>

export function sessionHost(binding: Binding): Host {
  let session: LocalSession | undefined
  return {
    async open(model: Uint8Array | string, settings: SessionSettings) {
      session = await LocalSession.open(binding, model, settings)
      return { inputs: session.inputs, outputs: session.outputs }
    },
    run: (feeds: Record<string, Tensor>, outputs: string[]) => session!.run(feeds, outputs),
  }
}

export function runtimeHost(binding: Binding, joinProcesses?: () => Promise<Mpi>): Host {
  const state = new ResidentState(binding, joinProcesses)
  return {
    load: state.load.bind(state),
    run: state.run.bind(state),
    read: state.read.bind(state),
    write: state.write.bind(state),
    release: state.release.bind(state),
  }
}

/** Does the requests one after the other, in the order they came, and posts each answer with the buffers that move. */
export function answering(
  host: Host,
  post: (response: Response, transfer: ArrayBuffer[]) => void,
): (request: Request) => void {
  let previous: Promise<void> = Promise.resolve()
  const answer = async ({ id, method, args }: Request) => {
    try {
      const value = await host[method]!(...(args as never[]))
      post({ id, value }, tensorBuffers(value))
    } catch (cause) {
      const error = asOutOfMemory(cause) ?? (cause as Error)
      const { name, message, stack } = error
      const known = error instanceof NnError ? { code: error.code, details: error.details } : {}
      post({ id, error: { name, message, stack, ...known } }, [])
    }
  }
  return (request) => {
    previous = previous.then(() => answer(request))
  }
}

/** Tensors in an answer are always copies of their own and move to the caller. */
function tensorBuffers(value: unknown): ArrayBuffer[] {
  const isTensor = (v: unknown): v is Tensor => typeof v === 'object' && v !== null && 'dtype' in v && 'data' in v
  const tensors = Object.entries((value ?? {}) as Record<string, unknown>).filter((entry): entry is [string, Tensor] =>
    isTensor(entry[1]),
  )
  return buffersOf(Object.fromEntries(tensors))
}
