import type { Tensor } from '@volant/graph'

/** A tensor of a weight file that was not read yet. */
export interface StoredTensor {
  readonly shape: readonly number[]
  /** As the file names it: F32, BF16, Q4_0 … */
  readonly format: string
}

/** The tensors of one or several weight files; each is read when it is asked for, and nothing in a file is executed. */
export interface Weights {
  readonly tensors: ReadonlyMap<string, StoredTensor>
  /** Floating-point and quantised tensors as float32, whole numbers as they are. Throws ModelsError for a name that is not there. */
  read(name: string): Promise<Tensor>
  close(): Promise<void>
}
