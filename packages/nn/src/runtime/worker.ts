// The worker thread behind Thread: hosts one session or one runtime and answers calls in order.
import { parentPort, workerData } from 'node:worker_threads'
import type { Tensor } from '@volant/graph'
import { NnError } from '../errors.js'
import { ResidentState } from './resident-state.js'
import { LocalSession } from './session.js'
import { buffersOf, type Request, type Response } from './thread.js'

type Host = Record<string, (...args: never[]) => Promise<unknown>>

function sessionHost(): Host {
  let session: LocalSession | undefined
  return {
    async open(model: Uint8Array | string, settings: { threads?: number }) {
      session = await LocalSession.open(model, settings)
      return { inputs: session.inputs, outputs: session.outputs }
    },
    run: (feeds: Record<string, Tensor>, outputs: string[]) => session!.run(feeds, outputs),
  }
}

function runtimeHost(): Host {
  const state = new ResidentState()
  return {
    load: state.load.bind(state),
    run: state.run.bind(state),
    read: state.read.bind(state),
    write: state.write.bind(state),
  }
}

const host = (workerData as { host: string }).host === 'session' ? sessionHost() : runtimeHost()
let previous: Promise<void> = Promise.resolve()
parentPort!.on('message', (request: Request) => {
  previous = previous.then(() => answer(request))
})

async function answer({ id, method, args }: Request): Promise<void> {
  try {
    const value = await host[method]!(...(args as never[]))
    parentPort!.postMessage({ id, value } satisfies Response, tensorBuffers(value))
  } catch (cause) {
    const { name, message, stack } = cause as Error
    const known = cause instanceof NnError ? { code: cause.code, details: cause.details } : {}
    parentPort!.postMessage({ id, error: { name, message, stack, ...known } } satisfies Response)
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
