import { elementCount, type Tensor } from '@volant/graph'
import { NnError } from '../errors.js'
import { initialise, type Parameter, walk } from '../modules/tree.js'
import { averagePath } from '../optimisers/averaging.js'
import type { TrainingPrograms } from './compile.js'

/**
 * What a training begins with, by path: first weights, those given and else drawn by the seed, zeros for the state of the
 * optimiser, averages equal to the weights. `runtime.write` it before the first step of the compiled programs. Throws NnError
 * `bad-settings` for a given weight that does not fit.
 */
export function firstState(
  model: object,
  { slots, averaged }: Pick<TrainingPrograms, 'slots' | 'averaged'>,
  seed: number,
  given: ReadonlyMap<string, Tensor> = new Map(),
): Record<string, Tensor> {
  const drawn = initialise(model, seed, given)
  const weights: Record<string, Tensor> = {}
  for (const [parameter, path] of walk(model).parameters)
    weights[path] = drawn.get(path) ?? fitting(path, given.get(path)!, parameter)
  const averages = [...averaged].map((path) => [averagePath(path), weights[path]!] as const)
  return { ...weights, ...zeros(slots), ...Object.fromEntries(averages) }
}

/** Tensors of the given shapes, all zero. */
export function zeros(shapes: Iterable<readonly [path: string, dims: readonly number[]]>): Record<string, Tensor> {
  return Object.fromEntries(
    Array.from(shapes, ([path, dims]) => [
      path,
      { dtype: 'float32', dims, data: new Float32Array(elementCount(dims)) } satisfies Tensor,
    ]),
  )
}

function fitting(path: string, given: Tensor, { dtype, shape }: Parameter): Tensor {
  if (given.dtype === dtype && String(given.dims) === String(shape)) return given
  const [expected, found] = [`${dtype} [${shape.join(', ')}]`, `${given.dtype} [${given.dims.join(', ')}]`]
  throw new NnError('bad-settings', `train: initial "${path}" is ${found}, expected ${expected}`, {
    path,
    expected,
    found,
  })
}
