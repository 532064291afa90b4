/** One ONNX graph over the resident state: a training step, the accumulation of gradients, an evaluation. */
export interface Program {
  readonly model: Uint8Array
  /** Resident tensors fed as the graph inputs of the same name. */
  readonly state: readonly string[]
  /** Outputs that are written in place over a resident tensor. The graph must be safe for that: `assertSafeAliasing`. */
  readonly updates: readonly Update[]
  /** Tables of which only the rows in use are fed. */
  readonly tables: readonly TableAccess[]
  /** Outputs given back to the caller. */
  readonly results: readonly string[]
  /** Resident tensors set to zero after each run (of tables: the rows that were fed). */
  readonly clear: readonly string[]
  /** True when the graph holds a backward pass. */
  readonly training: boolean
}

export interface Update {
  readonly output: string
  readonly state: string
}

/**
 * Row-wise access to large resident tables [V, H] (an embedding and its optimiser state): the distinct ids of the batch
 * choose U rows, which are fed as [U, H] inputs beside each id's place among them, and are written back after the run.
 */
export interface TableAccess {
  readonly table: string
  /** Batch inputs holding ids, and the graph inputs fed with each id's place among the rows, of the same shape. */
  readonly ids: readonly { readonly input: string; readonly index: string }[]
  readonly rows: readonly TableRows[]
  /**
   * `batch`: the rows of this batch's ids. `note`: the same, and they are noted. `noted`: all rows noted since the last such
   * run, for applying gradients accumulated over several batches; there is no `ids` then.
   */
  readonly which: 'batch' | 'note' | 'noted'
}

export interface TableRows {
  readonly state: string
  /** Graph input [U, H] fed with the rows. */
  readonly input: string
  /** Graph output [U, H] written back, if any. */
  readonly output?: string
}
