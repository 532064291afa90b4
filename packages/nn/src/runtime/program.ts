/** One ONNX graph over the resident state: a training step, the accumulation of gradients, an evaluation. */
export interface Program {
  readonly model: Uint8Array
  /** Resident tensors fed as the graph inputs of the same name. */
  readonly state: readonly string[]
  /** Outputs that are written in place over a resident tensor. The graph must be safe for that: `assertSafeAliasing`. */
  readonly updates: readonly Update[]
  /** Tables of which only some rows are used. */
  readonly tables: readonly TableAccess[]
  /** Outputs given back to the caller. */
  readonly results: readonly string[]
  /** Resident tensors set to zero after each run (of tables: the rows in use). */
  readonly clear: readonly string[]
  /**
   * Resident tensors replaced by their sum over the processes that train together, before the run; of tables: the rows noted
   * by any of them. Empty when this process trains alone, and in all programs of a runtime but one.
   */
  readonly sums: readonly string[]
  /** True when the graph holds a backward pass. */
  readonly training: boolean
}

export interface Update {
  readonly output: string
  readonly state: string
}

/**
 * Row-wise access to large resident tables [V, H] (an embedding and its optimiser state): the distinct ids of the batch, [U],
 * are an input of the graph, which takes these rows of the tables and writes new ones in their places.
 */
export interface TableAccess {
  readonly table: string
  /** int64 graph input [U] fed with the distinct ids. */
  readonly chosen: string
  /** Batch inputs holding ids, and the graph inputs fed with each id's place among the distinct ones, of the same shape. */
  readonly ids: readonly { readonly input: string; readonly index: string }[]
  /** Resident tables of which the graph takes these rows, the table itself first. */
  readonly states: readonly string[]
  /**
   * `batch`: the rows of this batch's ids. `note`: the same, and they are noted. `noted`: all rows noted since the last such
   * run, for applying gradients accumulated over several batches; there is no `ids` then.
   */
  readonly which: 'batch' | 'note' | 'noted'
}
