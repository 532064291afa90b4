import {
  add,
  assertSafeAliasing,
  convertToHalf,
  type DType,
  div,
  encodeOnnx,
  type Graph,
  GraphBuilder,
  gather,
  gradients,
  lower,
  mul,
  type Shape,
  scatterRows,
  type Value,
} from '@volant/graph'
import { NnError } from '../errors.js'
import { Context, chosenRows, type Observed, type RowTable } from '../modules/context.js'
import { refuseIdle } from '../modules/paths.js'
import { walk } from '../modules/tree.js'
import { type Averaging, averagePath } from '../optimisers/averaging.js'
import type { Optimiser } from '../optimisers/transform.js'
import { appendUpdate, type Trained } from '../optimisers/update.js'
import type { Program, TableAccess, Update } from '../runtime/program.js'
import { moveStatistics, shownBefore, shownPath, sumShown } from './statistics.js'

/** dtype and shape of one tensor of a batch; named dims (`['B', 'T']`) may differ from batch to batch. */
export interface InputType {
  readonly dtype: DType
  readonly shape: Shape
}

export type Inputs = Readonly<Record<string, Value>>

export interface TrainingGraph {
  readonly model: object
  readonly inputs: Readonly<Record<string, InputType>>
  /** Appends the forward pass and returns the mean loss of the batch, a scalar. */
  readonly loss: (context: Context, inputs: Inputs) => Value
  readonly optimiser: Optimiser
  /** Largest global norm of the gradients. */
  readonly clip?: number
  readonly freeze?: readonly string[]
  /**
   * `float16`: matrix products and convolutions in 16 bits, all else, weights and optimiser in 32, the loss scaled by the input
   * `lossScale`. Default `float32`.
   */
  readonly precision?: 'float32' | 'float16'
  /** Keep running means of the weights, for validation and result. */
  readonly average?: Averaging
  /** Sum the gradients of several batches before the update. */
  readonly accumulate?: boolean
  /** Sum them over all processes of the group as well; implies `accumulate`. */
  readonly parallel?: boolean
}

/** The programs of a training and the state they keep beside the parameters, which starts at zero. */
export interface TrainingPrograms {
  /** `step`, or `accumulate` and `apply`. */
  readonly programs: Readonly<Record<string, Program>>
  /** Shapes of optimiser state and accumulated gradients by path. */
  readonly slots: ReadonlyMap<string, readonly number[]>
  /** Paths of the parameters that are trained, in the order of the result `squares`. */
  readonly trained: readonly string[]
  /** Paths of those whose running mean is kept, in the resident tensor `averagePath(path)`. */
  readonly averaged: ReadonlySet<string>
}

const TARGET = { opset: 18, provider: 'cpu', mode: 'train' } as const
const accumulatorPath = (path: string) => `${path}:gradient`
/** Resident sum of the losses of an update's batches. */
const lossPath = 'loss:sum'

/**
 * Builds the training graph - forward, backward, clipping, guard and optimiser - and lowers it to programs for the runtime.
 * Throws GraphError (a missing gradient, wrong shapes), NnError `nothing-to-train`, `bad-loss`.
 */
export function compileTraining(settings: TrainingGraph): TrainingPrograms {
  const paths = [...walk(settings.model).parameters.values()]
  for (const { patterns = [] } of settings.optimiser) refuseIdle('optimiser', patterns, paths)
  const slots = new Map<string, readonly number[]>()
  const forward = appendForward(settings)
  const whole = forward.targets.filter(({ table }) => !table).map(({ path }) => path)
  const averaged = new Set(settings.average ? whole : [])
  if (!settings.accumulate && !settings.parallel) return { ...finishStep(settings, forward, slots), slots, averaged }
  const accumulate = finishAccumulation(settings, forward, slots)
  const { trained, programs } = finishApply(settings, forward, slots)
  return { programs: { accumulate, ...programs }, slots, trained, averaged }
}

/** A program that evaluates `outputs` of the model on a batch, with whole tables and the running means of `averaged`. */
export function compileEvaluation(
  model: object,
  inputs: Readonly<Record<string, InputType>>,
  outputs: (context: Context, inputs: Inputs) => Readonly<Record<string, Value>>,
  averaged: ReadonlySet<string> = new Set(),
): Program {
  const builder = new GraphBuilder('evaluation')
  const context = new Context(builder, model)
  const results = outputs(context, declare(context, inputs))
  for (const [name, value] of Object.entries(results)) builder.output(name, value)
  return program(builder, { results: Object.keys(results), training: false }, averaged)
}

interface Forward {
  readonly builder: GraphBuilder
  readonly context: Context
  readonly loss: Value
  /** lossWeight * loss */
  readonly weighted: Value
  readonly lossWeight: Value
  readonly observed: readonly Observed[]
  /** Trained values: parameters, then rows of tables, with their gradients of `weighted`. */
  readonly targets: readonly Target[]
}

interface Target {
  readonly path: string
  readonly value: Value
  readonly gradient: Value
  /** Set when the value is rows of a table; then `shape` is the whole table's. */
  readonly table?: RowTable
  readonly shape: readonly number[]
}

function appendForward({ model, inputs, loss: makeLoss, freeze, parallel, precision }: TrainingGraph): Forward {
  const builder = new GraphBuilder('training')
  const context = new Context(builder, model, { training: true, freeze, rowAccess: true, sharded: parallel })
  const loss = makeLoss(context, declare(context, inputs))
  if (loss.shape.length > 0)
    throw new NnError('bad-loss', `The loss has the shape [${loss.shape.join(', ')}], expected a single number`, {
      shape: loss.shape,
    })
  const whole = context.parameters.filter(({ trainable }) => trainable)
  const byRow = context.tables.filter(({ trainable }) => trainable)
  if (whole.length + byRow.length === 0)
    throw new NnError('nothing-to-train', 'The loss uses no parameter that is trained; see the model and `freeze`')
  const weight = builder.input('lossWeight', 'float32', [])
  const values = [...whole.map(({ value }) => value), ...byRow.map(({ rows }) => rows)]
  const weighted = mul(loss, weight)
  const scale = precision === 'float16' ? builder.input('lossScale', 'float32', []) : undefined
  const slopes = scale
    ? gradients(mul(weighted, scale), values).map((slope) => div(slope, scale))
    : gradients(weighted, values)
  const targets = [
    ...whole.map(({ path, value }) => ({ path, value, shape: value.shape as number[] })),
    ...byRow.map((table) => ({
      path: table.path,
      value: table.rows,
      table,
      shape: table.shape,
    })),
  ]
  return {
    builder,
    context,
    loss,
    weighted,
    lossWeight: weight,
    observed: context.observed,
    targets: targets.map((target, i) => ({ ...target, gradient: slopes[i]! })),
  }
}

function declare(context: Context, inputs: Readonly<Record<string, InputType>>): Inputs {
  return Object.fromEntries(
    Object.entries(inputs).map(([name, { dtype, shape }]) => [name, context.input(name, dtype, shape)]),
  )
}

function finishStep(settings: TrainingGraph, forward: Forward, slots: Slots) {
  const { builder, context, loss, targets, observed } = forward
  const rows = new RowStates(context.tables, 'batch')
  const trained = targets.map((target) => trainedOf(settings, builder, target, slots, rows))
  const update = appendUpdate(builder, trained, settings.optimiser, { clip: settings.clip, loss })
  const next = [...update.next, ...moveStatistics(observed, update.finite)]
  const updates = outputUpdates(builder, next, rows)
  for (const [name, value] of Object.entries({ loss, norm: update.norm, squares: update.squares }))
    builder.output(name, value)
  const step = program(builder, {
    updates,
    tables: rows.access,
    results: ['loss', 'norm', 'squares'],
    training: true,
    precision: settings.precision,
  })
  return { programs: { step }, trained: targets.map(({ path }) => path) }
}

function finishAccumulation({ precision }: TrainingGraph, forward: Forward, slots: Slots): Program {
  const { builder, context, weighted, lossWeight, targets, observed } = forward
  const rows = new RowStates(context.tables, 'note')
  const next = new Map<string, Value>()
  for (const target of targets) {
    const path = accumulatorPath(target.path)
    next.set(path, add(stateOf(builder, target, slots, rows, path), target.gradient))
  }
  slots.set(lossPath, [])
  next.set(lossPath, add(builder.parameter(lossPath, []), weighted))
  for (const { path, former } of observed) slots.set(shownPath(path), former.shape as number[])
  const shown = sumShown(builder, observed, lossWeight)
  const updates = outputUpdates(builder, [...next, ...shown], rows)
  return program(builder, { updates, tables: rows.access, results: [], training: true, precision })
}

/** Takes the accumulated gradients as its input; tables are updated in the rows noted meanwhile. */
function finishApply(settings: TrainingGraph, forward: Forward, slots: Slots) {
  const builder = new GraphBuilder('apply')
  const tables = forward.context.tables.filter(({ trainable }) => trainable)
  const noted = new Map(tables.map((table) => [table.path, noteChosen(builder, table)]))
  const rows = new RowStates([...noted.values()], 'noted')
  const trained = forward.targets.map((target): Trained => {
    const table = noted.get(target.path)
    const own = { ...target, table, value: table?.rows ?? builder.parameter(target.path, [...target.shape]) }
    const gradient = stateOf(builder, own, slots, rows, accumulatorPath(target.path))
    return trainedOf(settings, builder, { ...own, gradient }, slots, rows)
  })
  const update = appendUpdate(builder, trained, settings.optimiser, { clip: settings.clip })
  const statistics = moveStatistics(shownBefore(builder, forward.observed), update.finite)
  const updates = outputUpdates(builder, [...update.next, ...statistics], rows)
  const loss = builder.parameter(lossPath, [])
  for (const [name, value] of Object.entries({ loss, norm: update.norm, squares: update.squares }))
    builder.output(name, value)
  const shown = forward.observed.map(({ path }) => shownPath(path))
  const clear = [...forward.targets.map(({ path }) => accumulatorPath(path)), lossPath, ...shown]
  const sums = settings.parallel ? clear : []
  const results = ['loss', 'norm', 'squares']
  const apply = program(builder, { updates, tables: rows.access, results, clear, sums, training: true })
  return { programs: { apply }, trained: forward.targets.map(({ path }) => path) }
}

type Slots = Map<string, readonly number[]>

function trainedOf(
  { average }: TrainingGraph,
  builder: GraphBuilder,
  target: Target,
  slots: Slots,
  rows: RowStates,
): Trained {
  const { path, value, gradient, table } = target
  const averaged = average !== undefined && !table
  return { path, value, gradient, averaged, state: (state) => stateOf(builder, target, slots, rows, state) }
}

/** A state tensor beside a parameter: whole, or the rows in use. */
function stateOf(builder: GraphBuilder, target: Target, slots: Slots, rows: RowStates, state: string): Value {
  slots.set(state, target.shape)
  const whole = builder.parameter(state, [...target.shape])
  return target.table ? rows.add(target.table, state, whole) : whole
}

/** The table as the apply graph sees it: its rows are those noted while gradients accumulated. */
function noteChosen(builder: GraphBuilder, table: RowTable): RowTable {
  const whole = builder.parameter(table.path, [...table.shape])
  const chosen = builder.input(chosenRows(table.path), 'int64', table.chosen.shape)
  return { ...table, whole, chosen, rows: gather(whole, chosen), ids: [] }
}

/** The states of which only the chosen rows are used. */
class RowStates {
  readonly #states = new Map<string, { table: RowTable; whole: Value }>()

  constructor(
    readonly tables: readonly RowTable[],
    readonly which: TableAccess['which'],
  ) {
    for (const table of tables) this.#states.set(table.path, { table, whole: table.whole })
  }

  /** Takes the rows of one more state of a table. */
  add(table: RowTable, state: string, whole: Value): Value {
    this.#states.set(state, { table, whole })
    return gather(whole, table.chosen)
  }

  /** The new state: the value or, where this is rows, the state with these rows in their places. */
  putBack(state: string, value: Value): Value {
    const found = this.#states.get(state)
    return found ? scatterRows(found.whole, found.table.chosen, value) : value
  }

  get access(): TableAccess[] {
    return this.tables.map(({ path, ids, trainable }) => ({
      table: path,
      chosen: chosenRows(path),
      ids,
      states: [...this.#states].flatMap(([state, { table }]) => (table.path === path ? state : [])),
      which: trainable ? this.which : 'batch',
    }))
  }
}

function outputUpdates(builder: GraphBuilder, next: Iterable<readonly [string, Value]>, rows: RowStates): Update[] {
  return Array.from(next, ([state, value]) => {
    const output = `${state}:next`
    builder.output(output, rows.putBack(state, value))
    return { output, state }
  })
}

type ProgramParts = Pick<Program, 'results' | 'training'> & Partial<Program> & Pick<TrainingGraph, 'precision'>

/** What computes faster in 16 bits and does not lose much. */
const products = new Set(['MatMul', 'Gemm', 'Conv', 'ConvTranspose'])

function program(builder: GraphBuilder, parts: ProgramParts, averaged: ReadonlySet<string> = new Set()): Program {
  const graph = readingAverages(withoutIdleInputs(builder.build()), averaged)
  const whole = lower(graph, { ...TARGET, mode: parts.training ? 'train' : 'infer' })
  const keep = ({ opType }: { opType: string }) => !products.has(opType)
  const model = parts.precision === 'float16' ? convertToHalf(whole, { keep }).model : whole
  const { updates = [], tables = [], clear = [], sums = [], results, training } = parts
  assertSafeAliasing(
    model,
    updates.map(({ state, output }) => ({ state, update: output })),
  )
  const state = graph.parameters.map(({ path }) => path)
  return { model: encodeOnnx(model), state, updates, tables, clear, sums, results, training }
}

/** The graph with the running means of the parameters in their place. */
function readingAverages(graph: Graph, averaged: ReadonlySet<string>): Graph {
  const parameters = graph.parameters.map((parameter) =>
    averaged.has(parameter.path) ? { ...parameter, path: averagePath(parameter.path) } : parameter,
  )
  return { ...graph, parameters }
}

/** Batches may hold tensors that this graph does not need. */
function withoutIdleInputs(graph: Graph): Graph {
  const used = new Set([...graph.nodes.flatMap(({ inputs }) => inputs), ...graph.outputs.map(({ value }) => value)])
  return {
    ...graph,
    inputs: graph.inputs.filter(({ value }) => used.has(value)),
    parameters: graph.parameters.filter(({ value }) => used.has(value)),
  }
}
