import { elementCount, type Tensor } from '@volant/graph'
import { initialise } from '../modules/tree.js'
import { averagePath } from '../optimisers/averaging.js'
import type { TrainingPrograms } from './compile.js'

/**
 * What a training begins with, by path: first weights drawn by the seed, zeros for the state of the optimiser, averages equal to
 * the weights. `runtime.write` it before the first step of the compiled programs.
 */
export function firstState(
  model: object,
  { slots, averaged }: Pick<TrainingPrograms, 'slots' | 'averaged'>,
  seed: number,
): Record<string, Tensor> {
  const weights = Object.fromEntries(initialise(model, seed))
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
