import type { InferenceSession, TensorConstructor } from 'onnxruntime-common'
import { NnError } from '../errors.js'
import type { Binding, SessionSettings } from './binding.js'
import { answering, runtimeHost } from './host.js'
import type { Runtime } from './interface.js'
import { LocalSession, type Session } from './local-session.js'
import { type Caller, Calls, type Request, type Response, releasedError, remoteRuntime } from './remote.js'

/** What is used of the package `onnxruntime-web`: the page imports the build it wants, `onnxruntime-web/wasm` or `…/webgpu`. */
export interface OnnxRuntimeWeb {
  readonly InferenceSession: {
    create(model: Uint8Array, options: InferenceSession.SessionOptions): Promise<InferenceSession>
    create(address: string, options: InferenceSession.SessionOptions): Promise<InferenceSession>
  }
  readonly Tensor: TensorConstructor
  readonly env: { readonly wasm: { numThreads?: number } }
}

export type WebDevice = 'wasm' | 'webgpu'

export interface WebOptions {
  /** What computes: the processor by WebAssembly (default), or the graphics card. */
  readonly device?: WebDevice
  /**
   * Threads that share one operation; default 1. More need a page that is cross-origin isolated (the headers
   * Cross-Origin-Opener-Policy: same-origin and Cross-Origin-Embedder-Policy: require-corp); the first session of a page decides.
   */
  readonly threads?: number
}

export interface WebRuntimeOptions extends WebOptions {
  /** A worker whose script calls `serveRuntime`, which keeps the page responsive; or the library itself, to run in this thread. */
  readonly on: WebWorker | OnnxRuntimeWeb
}

/** What is used of a browser's `Worker`. */
export interface WebWorker {
  postMessage(message: unknown, transfer: ArrayBuffer[]): void
  addEventListener(type: 'message', listener: (event: { data: Response }) => void): void
  addEventListener(type: 'error', listener: (event: { message: string }) => void): void
  terminate(): void
}

/**
 * A runtime with ONNX Runtime for the web. `load` throws NnError `unknown-device`, `absent-device`, `bad-threads`, `bad-model`;
 * `load` and `step` throw `out-of-memory`.
 */
export function createRuntime({ on, ...options }: WebRuntimeOptions): Runtime {
  return remoteRuntime('InferenceSession' in on ? inThisThread(on) : toWorker(on), options)
}

/** For the script of a worker: serves the runtime that the page made with `createRuntime({ on: worker })`. */
export function serveRuntime(ort: OnnxRuntimeWeb): void {
  const port = globalThis as unknown as WorkerPort
  const answer = answering(runtimeHost(webBinding(ort)), (response, transfer) => port.postMessage(response, transfer))
  port.addEventListener('message', ({ data }) => answer(data))
}

interface WorkerPort {
  postMessage(message: unknown, transfer: ArrayBuffer[]): void
  addEventListener(type: 'message', listener: (event: { data: Request }) => void): void
}

/** Opens an ONNX model, given as bytes or as an address, in this thread. Errors as of `openSession` for Node. */
export function openSession(
  ort: OnnxRuntimeWeb,
  model: Uint8Array | string,
  options: WebOptions = {},
): Promise<Session> {
  return LocalSession.open(webBinding(ort), model, options)
}

const devices: readonly string[] = ['wasm', 'webgpu'] satisfies WebDevice[]

function webBinding(ort: OnnxRuntimeWeb): Binding {
  return {
    Tensor: ort.Tensor,
    async open(model, settings) {
      refuseAbsent(settings)
      ort.env.wasm.numThreads = settings.threads ?? 1
      return ort.InferenceSession.create(model as Uint8Array, {
        executionProviders: [settings.device ?? 'wasm'],
        graphOptimizationLevel: 'all',
        enableMemPattern: !settings.training,
        logSeverityLevel: 3,
      })
    },
    forPlaces: (model) => model,
    // Outputs live in the memory of WebAssembly and are copied out in any case.
    async runIntoPlaces(session, feeds, places) {
      const outputs = await session.run(feeds, Object.keys(places))
      for (const [name, place] of Object.entries(places)) (place.data as Float32Array).set(outputs[name]!.data as never)
    },
  }
}

function refuseAbsent({ device = 'wasm' }: SessionSettings): void {
  const { navigator = {} } = globalThis as { navigator?: object }
  const present = 'gpu' in navigator ? devices : ['wasm']
  if (present.includes(device)) return
  const [code, sentence] = devices.includes(device)
    ? ['absent-device', `The device "${device}" is not present in this browser`]
    : ['unknown-device', `There is no device "${device}" in browsers; known are ${devices.join(', ')}`]
  throw new NnError(code!, `${sentence}; present: ${present.join(', ')}`, { device, known: devices, present })
}

/** The id of the request that ends a runtime; those of calls count from 0. */
const LAST = -1

function inThisThread(ort: OnnxRuntimeWeb): Caller {
  const calls = new Calls()
  let ended = () => {}
  const end = new Promise<void>((resolve) => {
    ended = resolve
  })
  const answer = answering(runtimeHost(webBinding(ort)), (response) =>
    response.id === LAST ? ended() : calls.settle(response),
  )
  return {
    call: (method, args) => calls.make(method, args, answer),
    async end() {
      calls.fail(releasedError('runtime'))
      answer({ id: LAST, method: 'release', args: [] }) // after what is under way
      await end
    },
  }
}

function toWorker(worker: WebWorker): Caller {
  const calls = new Calls()
  worker.addEventListener('message', ({ data }) => calls.settle(data))
  worker.addEventListener('error', ({ message }) =>
    calls.fail(new NnError('worker-failed', `The runtime's worker failed: ${message}`)),
  )
  return {
    call: (method, args, transfer = []) =>
      calls.make(method, args, (request) => worker.postMessage(request, [...transfer])),
    async end() {
      calls.fail(releasedError('runtime'))
      worker.terminate()
    },
  }
}
