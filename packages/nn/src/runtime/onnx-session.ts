import type { DType, Tensor } from '@volant/graph'
import type { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-common'
import { NnError } from '../errors.js'
import type { Binding, Feeds, SessionSettings } from './binding.js'
import { asOutOfMemory } from './memory.js'

/** The name of the output that ends a run before anything is copied; see unfetched.ts. */
export const REFUSED = ':refused'

/** A named tensor a session takes or gives; named dims (`batch`) may have any size. */
export interface Port {
  readonly name: string
  readonly dtype: DType
  readonly dims: readonly (number | string)[]
}

export interface OnnxSession {
  readonly inputs: readonly Port[]
  readonly outputs: readonly Port[]
  readonly session: InferenceSession
}

/** Creates a session; blocks its JS thread while it does. Throws NnError `bad-model`, `bad-threads`, `out-of-memory`. */
export async function createSession(
  binding: Binding,
  model: Uint8Array | string,
  settings: SessionSettings = {},
): Promise<OnnxSession> {
  const { threads = 1 } = settings
  if (!(Number.isInteger(threads) && threads >= 1 && threads <= 1024))
    throw new NnError('bad-threads', `threads is ${threads}, expected an integer from 1 to 1024`, { threads })
  const session = await binding.open(model, settings).catch((cause: Error) => {
    if (cause instanceof NnError) throw cause
    const source = typeof model === 'string' ? `"${model}"` : `of ${model.byteLength} bytes`
    const message = `ONNX model ${source} could not be loaded: ${cause.message}`
    throw asOutOfMemory(cause) ?? new NnError('bad-model', message, {}, { cause })
  })
  return { session, inputs: ports(session.inputMetadata), outputs: ports(session.outputMetadata) }
}

function ports(metadata: readonly InferenceSession.ValueMetadata[]): Port[] {
  return metadata.flatMap((value) => {
    if (value.isTensor) return { name: value.name, dtype: value.type as DType, dims: value.shape }
    if (value.name === REFUSED) return []
    throw new NnError('bad-model', `ONNX model: "${value.name}" is not a tensor`, { name: value.name })
  })
}

/** Runs a session; a failure inside ONNX Runtime becomes an NnError `run-failed` or `out-of-memory`. */
export async function runSession(
  { session }: OnnxSession,
  feeds: Feeds,
  fetches: InferenceSession.FetchesType,
): Promise<Feeds> {
  try {
    return (await session.run(feeds, fetches)) as Feeds
  } catch (cause) {
    throw runFailed(cause)
  }
}

export const runFailed = (cause: unknown): NnError =>
  asOutOfMemory(cause) ??
  new NnError('run-failed', `The model could not be run: ${(cause as Error).message}`, {}, { cause })

/** Refuses a tensor that is missing, of another dtype, or of dims the port does not take. */
export function checkFeed(port: Port, tensor: Tensor | undefined): void {
  const expected = `${port.dtype} [${port.dims.join(', ')}]`
  const refuse = (found: string): never => {
    throw new NnError('bad-feed', `Input "${port.name}": expected ${expected}, found ${found}`, {
      input: port.name,
      expected,
      found,
    })
  }
  if (!tensor) throw refuse('nothing')
  const { dtype, dims, data } = tensor
  const found = `${dtype} [${dims.join(', ')}]`
  const fits =
    dims.length === port.dims.length && port.dims.every((dim, i) => typeof dim === 'string' || dim === dims[i])
  if (dtype !== port.dtype || !fits) refuse(found)
  const count = dims.reduce((a, b) => a * b, 1)
  if (data.length !== count) refuse(`${found} with ${data.length} numbers instead of ${count}`)
}

/** Our tensor as one of ONNX Runtime over the same memory (shared memory, which it refuses, is copied). */
export function toOrt(binding: Binding, { dtype, dims, data }: Tensor): OrtTensor {
  const own = data.buffer instanceof ArrayBuffer ? data : data.slice()
  return new binding.Tensor(dtype, own as never, dims)
}

export function fromOrt(tensor: OrtTensor): Tensor {
  return { dtype: tensor.type as DType, dims: tensor.dims, data: tensor.data as Tensor['data'] }
}
