import { type DType, elementCount, type Tensor, tensorOf } from '@volant/graph'
import { Random } from '../random.js'
import type { Initialiser } from './initialisers.js'

/** A tensor to be learnt: its shape and how it starts. */
export class Parameter {
  constructor(
    readonly shape: readonly number[],
    readonly initialiser: Initialiser,
    /** A large table of which a step touches few rows: training feeds and updates these rows only. */
    readonly byRow = false,
    /** Only float32 is learnt. */
    readonly dtype: DType = 'float32',
  ) {}
}

/**
 * What a model keeps of its data while it trains, such as a running mean: no gradient learns it, but it is saved, loaded and
 * exported as the parameters are. Every update moves it by `momentum` towards what the batch shows (`Context.observe`).
 */
export class Statistic extends Parameter {
  constructor(
    shape: readonly number[],
    initialiser: Initialiser,
    readonly momentum = 0.1,
  ) {
    super(shape, initialiser)
  }
}

/** What `walk` descends into besides arrays and plain objects: the base of all modules. */
export abstract class Branch {}

/** The parameters and modules of a model with their paths. A parameter met twice is shared and keeps its first path. */
export interface ModelTree {
  readonly parameters: ReadonlyMap<Parameter, string>
  readonly modules: ReadonlyMap<object, string>
}

/** Walks a model: any object whose fields are modules, parameters, arrays and plain objects of these. */
export function walk(model: object): ModelTree {
  const parameters = new Map<Parameter, string>()
  const modules = new Map<object, string>()
  const visit = (item: unknown, path: string) => {
    if (item instanceof Parameter) {
      if (!parameters.has(item)) parameters.set(item, path)
    } else if (isBranch(item) && !modules.has(item)) {
      modules.set(item, path)
      for (const [name, child] of Object.entries(item)) visit(child, path ? `${path}.${name}` : name)
    }
  }
  visit(model, '')
  return { parameters, modules }
}

function isBranch(item: unknown): item is object {
  if (typeof item !== 'object' || item === null) return false
  return item instanceof Branch || Array.isArray(item) || Object.getPrototypeOf(item) === Object.prototype
}

/**
 * First values of all parameters by path, but of those that are `known` already; the same for the same seed, since each parameter
 * has a random stream of its own.
 */
export function initialise(
  model: object,
  seed: number,
  known: ReadonlyMap<string, unknown> = new Map(),
): Map<string, Tensor> {
  const tensors = new Map<string, Tensor>()
  for (const [parameter, path] of walk(model).parameters) {
    if (known.has(path)) continue
    const data = parameter.initialiser(parameter.shape, new Random(seed, `initialise/${path}`))
    const { dtype, shape: dims } = parameter
    tensors.set(path, dtype === 'float32' ? { dtype, dims, data } : tensorOf(dtype, dims, Array.from(data)))
  }
  return tensors
}

/** How many numbers a model learns. */
export function parameterCount(model: object): number {
  const learnt = [...walk(model).parameters.keys()].filter((parameter) => !(parameter instanceof Statistic))
  return learnt.reduce((sum, { shape }) => sum + elementCount(shape), 0)
}
