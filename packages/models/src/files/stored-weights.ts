import type { Tensor } from '@volant/graph'
import { ModelsError } from '../errors.js'
import type { RandomAccessFile } from './random-access.js'
import type { StoredTensor, Weights } from './weights.js'

/** A tensor and how to read it. */
export interface ReadableTensor extends StoredTensor {
  read(): Promise<Tensor>
}

/** The tensors of one file, found by its reader. */
export interface OpenedFile {
  readonly file: RandomAccessFile
  readonly tensors: ReadonlyMap<string, ReadableTensor>
}

/** Weights over opened files; `source` is what messages call them. */
export function storedWeights(
  source: string,
  tensors: ReadonlyMap<string, ReadableTensor>,
  files: readonly RandomAccessFile[],
): Weights {
  let closed = false
  return {
    tensors,
    async read(name) {
      if (closed) throw new ModelsError('weights-closed', `"${source}" was closed before "${name}" was read.`)
      const tensor = tensors.get(name)
      if (tensor) return tensor.read()
      throw new ModelsError('tensor-missing', `"${source}" has no tensor "${name}"; ${listed([...tensors.keys()])}.`, {
        source,
        name,
      })
    },
    async close() {
      closed = true
      await Promise.all(files.map((file) => file.close()))
    },
  }
}

const listed = (names: string[]): string =>
  names.length === 0
    ? 'it has none'
    : `it has ${names.length}, such as ${names
        .slice(0, 3)
        .map((name) => `"${name}"`)
        .join(', ')}`
