import { add, embeddingBag, gather, range, type Value } from '@volant/graph'
import type { Context } from './context.js'
import { type Initialiser, normal } from './initialisers.js'
import { Module } from './module.js'
import { Parameter } from './tree.js'

/** From this many rows on, a step feeds and updates only the rows it uses. */
const LARGE = 2048

export interface TableOptions {
  readonly initialiser?: Initialiser
  /**
   * Update only the rows a step uses: faster for large tables; rows out of use keep weights and moments ("lazy" optimisers).
   * Default: tables of 2,048 rows or more. The ids must be an input of the graph, and the table not be used otherwise.
   */
  readonly byRow?: boolean
}

/** ids int64 [...] -> their rows [..., width]. */
export class Embedding extends Module {
  readonly table: Parameter

  constructor(rows: number, width: number, { initialiser = normal(0.02), byRow = rows >= LARGE }: TableOptions = {}) {
    super()
    this.table = new Parameter([rows, width], initialiser, byRow)
  }

  protected forward(context: Context, ids: Value): Value {
    const { rows, index } = context.lookup(this.table, ids)
    return gather(rows, index)
  }
}

/** ids int64 [B, n], weights float32 [B, n] (0 = padding) -> weighted sum of the ids' rows [B, width]. */
export class EmbeddingBag extends Module<[ids: Value, weights: Value]> {
  readonly table: Parameter

  constructor(rows: number, width: number, { initialiser = normal(0.02), byRow = rows >= LARGE }: TableOptions = {}) {
    super()
    this.table = new Parameter([rows, width], initialiser, byRow)
  }

  protected forward(context: Context, ids: Value, weights: Value): Value {
    const { rows, index } = context.lookup(this.table, ids)
    return embeddingBag(rows, index, weights)
  }
}

/** Adds a learnt vector for each position: x [B, T, width] -> [B, T, width], T at most `positions`. */
export class PositionEmbedding extends Module {
  readonly table: Parameter

  constructor(positions: number, width: number, initialiser: Initialiser = normal(0.02)) {
    super()
    this.table = new Parameter([positions, width], initialiser)
  }

  protected forward(context: Context, x: Value): Value {
    return add(x, gather(context.use(this.table), range(context.builder, x.shape[1]!)))
  }
}
