import { elementCount, printShape, type Tensor } from '@volant/graph'
import { NnError } from '../errors.js'
import { matchesAny, refuseIdle } from './paths.js'
import { initialise, walk } from './tree.js'

/**
 * The paths to `freeze` so that only parameters matching a pattern are trained: `freezeAllBut(model, ['encoder.layers.5.**',
 * 'head.**'])` for the top layer, `['**.bias', 'head.**']` for the biases (BitFit, Ben Zaken et al. 2022). Throws NnError
 * `idle-pattern` for a pattern that matches nothing.
 */
export function freezeAllBut(model: object, patterns: readonly string[]): string[] {
  const paths = [...walk(model).parameters.values()]
  refuseIdle('freezeAllBut', patterns, paths)
  return paths.filter((path) => !matchesAny(patterns, path))
}

export interface GrownHead {
  /** Path of the layer whose last axis is the classes. */
  readonly head: string
  /** The classes of the weights, in order, and those of the model. */
  readonly former: readonly string[]
  readonly classes: readonly string[]
  /** Of what is new. */
  readonly seed: number
}

/**
 * Saved weights of a classifier made to fit a model of other classes: classes that stay keep their columns, wherever they now
 * stand, new ones start as the model's initialisers say, the rest is left alone. Optimiser state among the weights grows
 * with them, from zero. The result is the `initial` of a training. Throws NnError `bad-head`.
 */
export function growClasses(
  weights: ReadonlyMap<string, Tensor>,
  model: object,
  { head, former, classes, seed }: GrownHead,
): Map<string, Tensor> {
  const places = classes.map((name) => former.indexOf(name))
  for (const names of [former, classes])
    if (new Set(names).size < names.length)
      throw new NnError('bad-head', `growClasses: a class is named twice among ${names.join(', ')}`, { names })
  const fresh = initialise(model, seed)
  const grown = [...fresh.keys()].filter((path) => path.startsWith(`${head}.`))
  if (grown.length === 0)
    throw new NnError(
      'bad-head',
      `growClasses: the model has no parameters at "${head}"; there are ${[...fresh.keys()].join(', ')}`,
      { head },
    )
  return new Map(
    [...weights].map(([name, tensor]) => {
      const [path, slot] = name.split(':')
      if (!grown.includes(path!)) return [name, tensor]
      const base = fresh.get(path!)!
      const start = slot === undefined ? base : { ...base, data: new Float32Array(base.data.length) }
      return [name, withColumns(name, start, tensor, places, former.length)]
    }),
  )
}

/** The columns of `from` at their new places in a copy of `to`; a place of -1 has none. */
function withColumns(name: string, to: Tensor, from: Tensor, places: readonly number[], former: number): Tensor {
  const [rows, width] = [elementCount(to.dims.slice(0, -1)), to.dims.at(-1)!]
  const expected = [...to.dims.slice(0, -1), former]
  if (from.dtype !== 'float32' || String(from.dims) !== String(expected) || width !== places.length)
    throw new NnError(
      'bad-head',
      `growClasses: "${name}" is ${from.dtype} ${printShape(from.dims)} for ${former} former classes and becomes ${printShape(to.dims)} for ${places.length}, expected float32 ${printShape(expected)}`,
      { name, found: from.dims, expected },
    )
  const data = Float32Array.from(to.data as Float32Array)
  for (let row = 0; row < rows; row++)
    for (const [column, place] of places.entries())
      if (place >= 0) data[row * width + column] = Number(from.data[row * former + place])
  return { ...to, data }
}
