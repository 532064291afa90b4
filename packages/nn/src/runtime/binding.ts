import type { TensorApart } from '@volant/graph'
import type { InferenceSession, Tensor as OrtTensor, TensorConstructor } from 'onnxruntime-common'

export interface SessionSettings {
  /** Threads that share one operation; default 1. */
  readonly threads?: number
  /** What computes, by the name of ONNX Runtime's provider; default the processor. */
  readonly device?: string
  /** True for graphs that also hold the backward pass: less memory, at no cost in time. */
  readonly training?: boolean
  /** Bytes of tensors that lie beside the model. */
  readonly apart?: readonly TensorApart[]
}

/** One build of ONNX Runtime, for Node or for browsers: all in which they differ. */
export interface Binding {
  /** Each copy of the library takes only tensors of its own class. */
  readonly Tensor: TensorConstructor
  /** Creates a session; blocks its JS thread while it does. */
  open(model: Uint8Array | string, settings: SessionSettings): Promise<InferenceSession>
  /** The model as `runIntoPlaces` takes it. */
  forPlaces(model: Uint8Array): Uint8Array
  /** Runs such a model; its outputs are written into the tensors given. */
  runIntoPlaces(session: InferenceSession, feeds: Feeds, places: Feeds): Promise<void>
}

export type Feeds = Readonly<Record<string, OrtTensor>>
