import { printShape, type Tensor } from '@volant/graph'
import { NnError } from '../errors.js'
import { type LoraAdapter, NORM_EPSILON } from './lora.js'
import type { Parameter } from './tree.js'

/** What a layer with a LoRA adapter has learnt, row by row. */
export interface LoraNumbers {
  /** [inputs, outputs]. Read when it is asked for: only DoRA and merging need it, and frozen weights may be in 4 bits. */
  weight(): Float32Array
  /** [inputs, rank] */
  readonly down: Float32Array
  /** [rank, outputs] */
  readonly up: Float32Array
  /** [outputs], of DoRA. */
  readonly magnitude: Float32Array | undefined
}

/** The numbers of the layer and its adapter. Throws NnError `missing-weight`, `wrong-shape`, and so does `weight`; `task` is who asks. */
export function loraNumbers(
  task: string,
  weights: ReadonlyMap<string, Tensor>,
  path: string,
  { weight, adapter }: { readonly weight: Pick<Parameter, 'shape'>; readonly adapter: LoraAdapter },
): LoraNumbers {
  const read = (name: string, { shape }: Pick<Parameter, 'shape'>) =>
    numbers(task, weights, path ? `${path}.${name}` : name, shape)
  return {
    weight: () => read('weight', weight),
    down: read('adapter.down', adapter.down),
    up: read('adapter.up', adapter.up),
    magnitude: adapter.magnitude && read('adapter.magnitude', adapter.magnitude),
  }
}

function numbers(
  task: string,
  weights: ReadonlyMap<string, Tensor>,
  name: string,
  expected: readonly number[],
): Float32Array {
  const tensor = weights.get(name)
  if (!tensor)
    throw new NnError('missing-weight', `${task}: there is no "${name}" among the ${weights.size} weights`, { name })
  if (tensor.dtype !== 'float32' || String(tensor.dims) !== String(expected))
    throw new NnError(
      'wrong-shape',
      `${task}: "${name}" is ${tensor.dtype} ${printShape(tensor.dims)}, expected float32 ${printShape(expected)}`,
      { name, found: tensor.dims, expected },
    )
  return tensor.data as Float32Array
}

/** weight + scale · down·up, before its columns are scaled. */
export function changedWeight({ weight, down, up }: LoraNumbers, { rank, scale }: LoraAdapter): Float64Array {
  const outputs = up.length / rank
  const changed = Float64Array.from(weight())
  for (const [i, value] of down.entries()) {
    const [row, k] = [Math.floor(i / rank) * outputs, (i % rank) * outputs]
    for (let column = 0; column < outputs; column++) changed[row + column]! += scale * value * up[k + column]!
  }
  return changed
}

/** What the columns of the changed weight are multiplied by, [outputs]; 1 without DoRA. */
export function columnFactors({ weight, up, magnitude }: LoraNumbers, changed: Float64Array, { rank }: LoraAdapter) {
  const outputs = up.length / rank
  if (!magnitude) return new Float64Array(outputs).fill(1)
  const [former, found] = [normsOf(weight(), outputs), normsOf(changed, outputs)]
  return former.map((norm, column) => (norm + magnitude[column]!) / found[column]!)
}

/** The Euclidean norm of each column of a matrix [inputs, outputs]: [outputs]. */
export function columnNorms({ dims, data }: Tensor): Float64Array {
  return normsOf(data as Float32Array, dims[1]!)
}

function normsOf(data: Float32Array | Float64Array, columns: number): Float64Array {
  const squares = new Float64Array(columns).fill(NORM_EPSILON)
  for (let i = 0; i < data.length; i++) squares[i % columns]! += data[i]! ** 2
  return squares.map(Math.sqrt)
}
