import {
  type Dim,
  type DType,
  type GraphBuilder,
  gather,
  mul,
  printShape,
  type Shape,
  sameShape,
  sumOf,
  type Value,
} from '@volant/graph'
import { NnError } from '../errors.js'
import { hashName } from '../random.js'
import { matchesAny, refuseIdle } from './paths.js'
import { type ModelTree, type Parameter, Statistic, walk } from './tree.js'

export interface ContextOptions {
  /** Dropout acts only in training. */
  readonly training?: boolean
  /** Patterns of parameter paths that are not trained; statistics so named are not moved either. */
  readonly freeze?: readonly string[]
  /** Use only the rows in use of tables marked `byRow`, as the trainer does; else tables are whole. */
  readonly rowAccess?: boolean
  /** The batches are shares of larger ones; `firstRow` says where each begins. */
  readonly sharded?: boolean
}

/** A table of which only some rows are used: those chosen by the graph input `<path>:rows`. */
export interface RowTable {
  readonly path: string
  /** [height, width] of the whole table. */
  readonly shape: readonly number[]
  readonly whole: Value
  /** int64 [U], the distinct ids in use. */
  readonly chosen: Value
  /** [U, width], the rows of these ids. */
  readonly rows: Value
  readonly trainable: boolean
  readonly ids: { readonly input: string; readonly index: string }[]
}

/** A statistic and what the batch shows of it. */
export interface Observed {
  readonly path: string
  readonly former: Value
  readonly shown: Value
  readonly momentum: number
}

/** The graph input that chooses the rows of a table. */
export const chosenRows = (table: string) => `${table}:rows`

/** What layers need while they append themselves to a graph: the parameters by path, and whether this is training. */
export class Context {
  readonly training: boolean
  readonly #tree: ModelTree
  readonly #freeze: readonly string[]
  readonly #rowAccess: boolean
  readonly #used = new Map<string, { value: Value; trainable: boolean }>()
  readonly #tables = new Map<string, RowTable>()
  readonly #inputs = new Map<number, string>()
  readonly #indices = new Map<string, Value>()
  readonly #shown = new Map<Statistic, Value[]>()
  readonly #sharded: boolean
  readonly #uses = new Map<string, number>()
  #seed: Value | undefined
  #firstRow: Value | undefined
  #adapter: Value | undefined

  constructor(
    readonly builder: GraphBuilder,
    model: object,
    options: ContextOptions = {},
  ) {
    this.#tree = walk(model)
    this.training = options.training ?? false
    this.#freeze = options.freeze ?? []
    this.#rowAccess = options.rowAccess ?? false
    this.#sharded = options.sharded ?? false
    refuseIdle('freeze', this.#freeze, [...this.#tree.parameters.values()])
  }

  /** Declares a graph input; ids looked up in tables must come from here to be fed by row. */
  input(name: string, dtype: DType, shape: Shape): Value {
    const value = this.builder.input(name, dtype, shape)
    this.#inputs.set(value.id, name)
    return value
  }

  /** The parameter as a value of the graph. */
  use(parameter: Parameter): Value {
    const path = this.#pathOf(parameter)
    if (this.#tables.has(path)) throw wholeAndByRow(path)
    const known = this.#used.get(path)
    if (known) return known.value
    const { dtype } = parameter
    const trainable = dtype === 'float32' && !(parameter instanceof Statistic) && this.#trainable(path)
    const value = this.builder.parameter(path, [...parameter.shape], { trainable, dtype })
    this.#used.set(path, { value, trainable })
    return value
  }

  /** Rows of a table and, in the shape of `ids`, each id's place among them: `gather(rows, index)` are the ids' rows. */
  lookup(table: Parameter, ids: Value): { rows: Value; index: Value } {
    const input = this.#inputs.get(ids.id)
    if (!this.#rowAccess || !table.byRow || input === undefined) return { rows: this.use(table), index: ids }
    const path = this.#pathOf(table)
    if (this.#used.has(path)) throw wholeAndByRow(path)
    const access = this.#tables.get(path) ?? this.#openTable(path, table.shape)
    const index = `${path}:index:${input}`
    if (access.ids.some((known) => known.input === input))
      return { rows: access.rows, index: this.#indices.get(index)! }
    access.ids.push({ input, index })
    const value = this.builder.input(index, 'int64', ids.shape)
    this.#indices.set(index, value)
    return { rows: access.rows, index: value }
  }

  /** The uint32 input that dropout masks are made of. */
  get seed(): Value {
    this.#seed ??= this.builder.input('seed', 'uint32', [])
    return this.#seed
  }

  /** The uint32 input that tells where this process's share of the batch begins; undefined where a batch is whole. */
  get firstRow(): Value | undefined {
    if (this.#sharded) this.#firstRow ??= this.builder.input('firstRow', 'uint32', [])
    return this.#firstRow
  }

  /** The int64 input `adapter` [batch] that says which of several adapters each row takes; see `bankAdapters`. */
  chosenAdapter(batch: Dim): Value {
    this.#adapter ??= this.builder.input('adapter', 'int64', [batch])
    return this.#adapter
  }

  /** A number for the random mask of a layer: of its path, and of how often it was used before. */
  salt(): number {
    const { path } = this.builder
    const uses = this.#uses.get(path) ?? 0
    this.#uses.set(path, uses + 1)
    return hashName(`${path}/${uses}`)
  }

  /** Whether this graph moves the statistic: in training, unless it is frozen. */
  observes(statistic: Statistic): boolean {
    return this.training && this.#trainable(this.#pathOf(statistic))
  }

  /** Says what the batch shows of a statistic; what is shown several times is averaged. */
  observe(statistic: Statistic, shown: Value): void {
    if (!sameShape(shown.shape, statistic.shape))
      throw new NnError(
        'bad-statistic',
        `The statistic "${this.#pathOf(statistic)}" has the shape ${printShape(statistic.shape)}, the batch shows ${printShape(shown.shape)}`,
      )
    this.#shown.set(statistic, [...(this.#shown.get(statistic) ?? []), shown])
  }

  get observed(): readonly Observed[] {
    return [...this.#shown].map(([statistic, values]) => ({
      path: this.#pathOf(statistic),
      former: this.use(statistic),
      shown: values.length === 1 ? values[0]! : mul(sumOf(values), 1 / values.length),
      momentum: statistic.momentum,
    }))
  }

  /**
   * Runs the body; in training, what it appends is computed again in the backward pass instead of being kept for it (activation
   * checkpointing): `context.checkpoint(() => layer.apply(context, x))`.
   */
  checkpoint<T>(body: () => T): T {
    return this.training ? this.builder.recomputed(body) : body()
  }

  /** Runs the body with the module's path on the nodes it appends. */
  within<T>(module: object, body: () => T): T {
    return this.builder.at(this.#tree.modules.get(module) ?? this.builder.path, body)
  }

  /** Whole parameters in the order of first use. */
  get parameters(): readonly { path: string; value: Value; trainable: boolean }[] {
    return [...this.#used].map(([path, used]) => ({ path, ...used }))
  }

  get tables(): readonly RowTable[] {
    return [...this.#tables.values()]
  }

  #openTable(path: string, shape: readonly number[]): RowTable {
    const chosen = this.builder.input(chosenRows(path), 'int64', [`rows${this.#tables.size}`])
    const trainable = this.#trainable(path)
    const whole = this.builder.parameter(path, [...shape], { trainable })
    const access = { path, shape, whole, chosen, rows: gather(whole, chosen), trainable, ids: [] }
    this.#tables.set(path, access)
    return access
  }

  #trainable(path: string): boolean {
    return !matchesAny(this.#freeze, path)
  }

  #pathOf(parameter: Parameter): string {
    const path = this.#tree.parameters.get(parameter)
    if (path === undefined)
      throw new NnError(
        'unknown-parameter',
        `A layer at "${this.builder.path}" uses a parameter that is no field of the model, so it has no path`,
      )
    return path
  }
}

const wholeAndByRow = (path: string) =>
  new NnError('table-used-whole', `Table "${path}" is used both by row and whole; make it with { byRow: false }`, {
    path,
  })
