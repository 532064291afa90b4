import { printShape, type Tensor } from '@volant/graph'
import { walk } from '@volant/nn'
import { ModelsError } from '../errors.js'
import type { StoredTensor, Weights } from '../files/weights.js'

/**
 * How the layers of a network are called in files, by their paths with us; `*` stands for the number of a layer. A layer that
 * is not named has its path there too. A parameter that belongs to no layer is named by itself.
 */
export type WeightNames = Readonly<Record<string, string>>

/** What the parameters of a layer are called, first choice first. */
const leaves: Readonly<Record<string, readonly string[]>> = {
  weight: ['weight'],
  bias: ['bias'],
  table: ['weight'],
  // Files of the first years have the names of the paper.
  gamma: ['weight', 'gamma'],
  beta: ['bias', 'beta'],
}

/** Reads the weights of a network one by one. */
export interface WeightReader {
  /** A parameter by its path; linear layers [inputs, outputs]. */
  read(path: string): Promise<Tensor>
  /** The weight of a linear layer as files have it, [outputs, inputs]. */
  readTurned(path: string): Promise<Tensor>
}

interface Naming {
  readonly prefixes: readonly string[]
  readonly names: WeightNames
}

/**
 * Finds the weights of a network in files: every parameter by its path. Linear layers are [outputs, inputs] in files and [inputs,
 * outputs] here. Throws ModelsError `missing-weight`; reading throws `wrong-shape`, naming the tensor.
 */
export function weightReader(network: object, naming: Naming, weights: Weights, source: string): WeightReader {
  const found = new Map<string, { name: string; shape: readonly number[] }>()
  let prefix: string | undefined
  for (const [{ shape }, path] of walk(network).parameters) {
    const candidates = parameterNames(path, naming.names)
    prefix ??= ['', ...naming.prefixes].find((start) => candidates.some((name) => weights.tensors.has(start + name)))
    const name = candidates.map((name) => (prefix ?? '') + name).find((name) => weights.tensors.has(name))
    if (name === undefined) throw missing(source, candidates[0]!, path, weights.tensors)
    found.set(path, { name, shape })
  }
  const stored = async (path: string, isTurned: boolean) => {
    const { name, shape } = found.get(path)!
    return checked(await weights.read(name), isTurned ? shape.toReversed() : shape, { name, path, source })
  }
  return {
    read: async (path) => {
      const isMatrix = isLinear(path, found.get(path)!.shape)
      const tensor = await stored(path, isMatrix)
      return isMatrix ? transposed(tensor) : tensor
    },
    readTurned: (path) => stored(path, true),
  }
}

/** Reads all weights of a network by path; see `weightReader`. */
export async function readWeights(
  network: object,
  naming: Naming,
  weights: Weights,
  source: string,
): Promise<Map<string, Tensor>> {
  const reader = weightReader(network, naming, weights, source)
  const read = new Map<string, Tensor>()
  for (const path of walk(network).parameters.values()) read.set(path, await reader.read(path))
  return read
}

/** A parameter under the name and in the shape that files have: the reverse of what `readWeights` does. */
export function writtenTensor(path: string, tensor: Tensor, names: WeightNames): [name: string, tensor: Tensor] {
  return [parameterNames(path, names)[0]!, isLinear(path, tensor.dims) ? transposed(tensor) : tensor]
}

/** Whether a parameter is the matrix of a linear layer, which files hold the other way round. */
export const isLinear = (path: string, shape: readonly number[]): boolean =>
  path.endsWith('.weight') && shape.length === 2

/** The names that a parameter may have in a file, first choice first, without prefix; none for one that files do not have. */
export function parameterNames(path: string, names: WeightNames): string[] {
  const own = names[path]
  if (own !== undefined) return [own]
  const at = path.lastIndexOf('.')
  const layer = layerName(path.slice(0, at), names)
  return (leaves[path.slice(at + 1)] ?? []).map((leaf) => `${layer}.${leaf}`)
}

/** What the layer at a path of ours is called in files, without prefix. */
export function layerName(layer: string, names: WeightNames): string {
  const numbers = layer.match(/(?<=\.)\d+(?=\.|$)/g) ?? []
  const known = names[layer.replace(/(?<=\.)\d+(?=\.|$)/g, '*')]
  let place = 0
  return known === undefined ? layer : known.replace(/\*/g, () => numbers[place++]!)
}

/** A tensor of a file as the parameter it is for. Throws ModelsError `wrong-shape`. */
export function fitted(tensor: Tensor, shape: readonly number[], isMatrix: boolean, where: Place): Tensor {
  const turned = isMatrix && shape.length === 2
  checked(tensor, turned ? shape.toReversed() : shape, where)
  return turned ? transposed(tensor) : tensor
}

interface Place {
  readonly name: string
  readonly path: string
  readonly source: string
}

function checked(tensor: Tensor, expected: readonly number[], where: Place): Tensor {
  if (tensor.dtype !== 'float32' || String(tensor.dims) !== String(expected))
    throw new ModelsError(
      'wrong-shape',
      `${where.source}: the tensor "${where.name}" is ${tensor.dtype} ${printShape(tensor.dims)}, but config.json asks for float32 ${printShape(expected)}; config.json and weights are of different models.`,
      { ...where, found: tensor.dims, expected },
    )
  return tensor
}

/** A float32 matrix [a, b] as [b, a]. */
export const transposed = ({ dims, data }: Tensor): Tensor => ({
  dtype: 'float32',
  dims: dims.toReversed(),
  data: transpose(data as Float32Array, dims),
})

/** A matrix of `rows` rows turned, in blocks that stay in the cache. */
function transpose(data: Float32Array, [rows, columns]: readonly number[]): Float32Array {
  const block = 32
  const turned = new Float32Array(data.length)
  for (let top = 0; top < rows!; top += block)
    for (let left = 0; left < columns!; left += block)
      for (let row = top; row < Math.min(top + block, rows!); row++)
        for (let column = left; column < Math.min(left + block, columns!); column++)
          turned[column * rows! + row] = data[row * columns! + column]!
  return turned
}

function missing(source: string, name: string, path: string, tensors: ReadonlyMap<string, StoredTensor>): ModelsError {
  const some = [...tensors.keys()].slice(0, 3).join(', ')
  return new ModelsError(
    'missing-weight',
    `${source}: the tensor "${name}" (${path}) is not among the ${tensors.size} weights (${some}, …); the files are not of the model that config.json describes.`,
    { name, path },
  )
}
