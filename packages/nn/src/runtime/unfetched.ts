import { decodeOnnx, encodeOnnx } from '@volant/graph'
import type { InferenceSession } from 'onnxruntime-common'
import type { Feeds } from './binding.js'
import { REFUSED } from './onnx-session.js'

/** What the binding says of it (onnxruntime-node 1.30.0, js/node/src/tensor_helper.cc). */
const REFUSAL = 'Non tensor type is temporarily not supported.'

/**
 * ONNX Runtime writes a fetched output into the tensor it is given, and its binding for Node then copies it once more, into a
 * new tensor for the caller. For weights and moments that is 12 bytes a parameter at every step, a tenth of the time of a step.
 * The copies are made after the run, in the order of the outputs, and an output that is no tensor ends them with an error: so
 * the model gets an empty sequence as its first output.
 */
export function withRefusedOutput(model: Uint8Array): Uint8Array {
  const { graph, ...rest } = decodeOnnx(model)
  const node = { name: REFUSED, opType: 'SequenceEmpty', domain: '', inputs: [], outputs: [REFUSED], attributes: {} }
  const output = { name: REFUSED, dtype: 'float32', shape: [], sequence: true } as const
  return encodeOnnx({
    ...rest,
    graph: { ...graph, nodes: [...graph.nodes, node], outputs: [output, ...graph.outputs] },
  })
}

/**
 * Runs a model with a refused output; all outputs are written into the tensors given, and nothing is copied. A binding that
 * does not refuse only makes its copies.
 */
export async function runIntoPlace(session: InferenceSession, feeds: Feeds, places: Feeds): Promise<void> {
  try {
    await session.run(feeds, { ...places, [REFUSED]: null })
  } catch (cause) {
    if ((cause as Error).message !== REFUSAL) throw cause
  }
}
