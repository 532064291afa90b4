import { join } from 'node:path'
import type { Tensor } from '@volant/graph'
import { adaptedLayers, type GPT, mergedWeight, walk } from '@volant/nn'
import { type LoadedAdapter, readAdapter } from '../adapters/read.js'
import { isLinear, parameterNames, transposed, type WeightReader } from '../architectures/names.js'
import { ModelsError } from '../errors.js'
import { writeFolder } from '../files/folder.js'
import { type WrittenTensor, writeWeights } from '../files/write.js'
import { architectureOf, decoderNetwork, type PretrainedDecoder } from './pretrained.js'
import { writeDescription } from './write.js'

/**
 * Reads the adapter folder of PEFT that belongs to a decoder and puts its adapters on the network, whose weights by path are
 * `weights`: the result has those of the adapters besides. Throws ModelsError, among others `other-base`.
 */
export async function readDecoderAdapter(
  folder: string,
  decoder: PretrainedDecoder,
  network: GPT,
  weights: ReadonlyMap<string, Tensor>,
): Promise<Map<string, Tensor>> {
  const architecture = architectureOf(decoder.description)
  const read: LoadedAdapter = await readAdapter(folder, { network, architecture, weights, hash: await decoder.hash() })
  const [other] = read.others.keys()
  if (other === undefined) return read.weights
  throw new ModelsError(
    'unexpected-weight',
    `${folder}: the tensor "${other}" belongs to no layer of ${decoder.description.name}; the adapter is of another kind of model.`,
    { name: other },
  )
}

/** A network with adapters, and the weights of these by path. */
export interface Adapted {
  readonly network: GPT
  readonly weights: ReadonlyMap<string, Tensor>
}

/**
 * Writes a decoder with an adapter folded in as a model folder that `openDecoder` and transformers read: config.json, tokeniser,
 * model.safetensors in float32. The base is read tensor by tensor, so a model needs no memory of its size, unless files keep several
 * layers as one (GPT-2). What is at `folder` is replaced when all is written.
 */
export async function writeMergedDecoder(folder: string, decoder: PretrainedDecoder, adapted: Adapted): Promise<void> {
  const { prefixes, join: joined } = architectureOf(decoder.description)
  await writeFolder(folder, async (partial, write) => {
    await writeDescription(partial, decoder.description, write)
    await decoder.reading(async (reader) => {
      const own = merged(decoder, adapted, reader)
      const tensors = joined ? wholeTensors(joined(await made(own))) : own
      const named = [...tensors].map(([name, tensor]) => [(prefixes[0] ?? '') + name, tensor] as const)
      await writeWeights(join(partial, 'model.safetensors'), new Map(named))
    })
  })
}

async function made(tensors: ReadonlyMap<string, WrittenTensor>): Promise<Map<string, Tensor>> {
  const all = new Map<string, Tensor>()
  for (const [name, tensor] of tensors) all.set(name, await tensor.make())
  return all
}

const wholeTensors = (tensors: ReadonlyMap<string, Tensor>): Map<string, WrittenTensor> =>
  new Map([...tensors].map(([name, tensor]) => [name, { dtype: tensor.dtype, dims: tensor.dims, make: () => tensor }]))

/** The tensors of the merged model by the names of files. */
function merged(
  { description }: PretrainedDecoder,
  { network, weights }: Adapted,
  reader: WeightReader,
): Map<string, WrittenTensor> {
  const { names } = architectureOf(description)
  const layers = adaptedLayers(network)
  return new Map(
    [...walk(decoderNetwork(description)).parameters].map(([{ shape }, path]) => {
      const isMatrix = isLinear(path, shape)
      const at = path.slice(0, path.lastIndexOf('.'))
      const layer = isMatrix ? layers.get(at) : undefined
      const own = async () => {
        if (!layer) return isMatrix ? reader.readTurned(path) : reader.read(path)
        return transposed(mergedWeight(new Map([...weights, [path, await reader.read(path)]]), at, layer))
      }
      const dims = isMatrix ? shape.toReversed() : shape
      return [parameterNames(path, names)[0]!, { dtype: 'float32', dims, make: own }]
    }),
  )
}
