import { elementCount, type Tensor, type Value } from '@volant/graph'
import { Random } from '../random.js'
import type { Context } from './context.js'
import type { Initialiser } from './initialisers.js'

/** A tensor to be learnt: its shape and how it starts. */
export class Parameter {
  constructor(
    readonly shape: readonly number[],
    readonly initialiser: Initialiser,
    /** A large table of which a step touches few rows: training feeds and updates these rows only. */
    readonly byRow = false,
  ) {}
}

/**
 * A layer: its parameters and layers as fields, and one `forward`. The names of the fields make the parameter paths, so
 * `class Tagger extends Module { encoder = new TransformerEncoder(…) }` has `encoder.layers.0.attention.query.weight`.
 * Fields may be modules, parameters, arrays and plain objects of these; #private fields are not seen.
 */
export abstract class Module<Inputs extends unknown[] = [Value], Output = Value> {
  protected abstract forward(context: Context, ...inputs: Inputs): Output

  /** Appends the layer to the context's graph; its nodes carry the layer's path. */
  apply(context: Context, ...inputs: Inputs): Output {
    return context.within(this, () => this.forward(context, ...inputs))
  }
}

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
  return item instanceof Module || Array.isArray(item) || Object.getPrototypeOf(item) === Object.prototype
}

/** First values of all parameters by path, the same for the same seed; each parameter has a random stream of its own. */
export function initialise(model: object, seed: number): Map<string, Tensor> {
  const tensors = new Map<string, Tensor>()
  for (const [parameter, path] of walk(model).parameters) {
    const data = parameter.initialiser(parameter.shape, new Random(seed, `initialise/${path}`))
    tensors.set(path, { dtype: 'float32', dims: parameter.shape, data })
  }
  return tensors
}

/** How many numbers a model learns. */
export function parameterCount(model: object): number {
  return [...walk(model).parameters.keys()].reduce((sum, { shape }) => sum + elementCount(shape), 0)
}
