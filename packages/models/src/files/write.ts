import { open } from 'node:fs/promises'
import { bytesOf, safetensorsStart, type Tensor, type TensorInfo } from '@volant/graph'

/** A tensor that is to be written, made when its turn comes. */
export interface WrittenTensor extends TensorInfo {
  make(): Tensor | Promise<Tensor>
}

/** Writes a .safetensors file tensor by tensor, so that its size does not matter. */
export async function writeWeights(file: string, tensors: ReadonlyMap<string, WrittenTensor>): Promise<void> {
  const { start, order } = safetensorsStart(tensors, { format: 'pt' })
  const handle = await open(file, 'w')
  try {
    await handle.writeFile(start)
    // A handle goes on where the last write ended.
    for (const name of order) await handle.writeFile(bytesOf((await tensors.get(name)!.make()).data))
  } finally {
    await handle.close()
  }
}
