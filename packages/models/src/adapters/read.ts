import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { printShape, type Tensor } from '@volant/graph'
import { addAdapters, columnNorms, Linear, walk } from '@volant/nn'
import { type FusedLayers, type FusedPlace, fusedPlace, partOf } from '../architectures/fused.js'
import { fitted, layerName, parameterNames, transposed, type WeightNames } from '../architectures/names.js'
import { ModelsError } from '../errors.js'
import { type JsonObject, parseObject } from '../files/json.js'
import { openWeights } from '../files/open.js'
import { type AdapterConfig, adapterConfig, endsWith } from './config.js'
import { partAdapter } from './fused.js'

/** How an architecture calls its weights. */
export interface NamedArchitecture {
  readonly type: string
  readonly prefixes: readonly string[]
  readonly names: WeightNames
  /** Layers that files, and so PEFT, have as one. */
  readonly fused?: FusedLayers
}

export interface AdapterBase {
  /** A network of the architecture; it must not have adapters yet. */
  readonly network: object
  readonly architecture: NamedArchitecture
  /** Of the network, by path. */
  readonly weights: ReadonlyMap<string, Tensor>
  /** From `hashWeights`; an adapter that was trained on another base is refused, where it says so. */
  readonly hash: string
}

export interface LoadedAdapter {
  /** Weights of the network with its adapters, by path. */
  readonly weights: Map<string, Tensor>
  /** Tensors of modules that the network does not have, by their names in the file: a head, the pooler of BERT. */
  readonly others: Map<string, Tensor>
}

/** What PEFT puts before the names of the base. */
export const WRAPPER = 'base_model.model.'

/**
 * Reads an adapter folder of PEFT (adapter_config.json, adapter_model.safetensors; LoRA, rank-stabilised LoRA, DoRA) and puts its
 * adapters on the network. Tensors of `modules_to_save` replace those of the base. Throws ModelsError `adapter-not-found`,
 * `bad-config`, `other-base`, `missing-weight`, `unexpected-weight`, `wrong-shape`; the network is then as it was.
 */
export async function readAdapter(folder: string, base: AdapterBase): Promise<LoadedAdapter> {
  const { network, architecture } = base
  const file = join(folder, 'adapter_config.json')
  const config = adapterConfig(await readJson(file, folder), file, architecture.type)
  refuseOtherBase(folder, config, base.hash)
  const tensors = await readTensors(join(folder, 'adapter_model.safetensors'))
  const layers = linearLayersOf(network)
  const prefix = prefixOf([...layers.keys()], tensors, architecture)
  const placeOf = (path: string) => fusedPlace(prefix + layerName(path, architecture.names), architecture.fused)
  const read = new AdapterTensors(tensors, config, folder)
  const weights = new Map([...base.weights, ...read.replaced(network, architecture.names, prefix)])
  const adapters = [...layers].flatMap(
    ([path, { weight }]) => read.adapter(path, placeOf(path), weight.shape, weights.get(`${path}.weight`)) ?? [],
  )
  read.leaveOthers()
  read.refuseUnfit(new Set([...walk(network).modules.values()].map((path) => placeOf(path).whole)))
  const { dropout, dora, rankStabilised } = config
  for (const { path, alpha, tensors } of adapters) {
    const rank = tensors['down']!.dims[1]!
    addAdapters(network, { targets: [path], rank, alpha, dropout, dora, rankStabilised })
    for (const [parameter, tensor] of Object.entries(tensors)) weights.set(`${path}.adapter.${parameter}`, tensor)
  }
  return { weights, others: tensors }
}

/** Of layers without adapters. */
function linearLayersOf(network: object): Map<string, Linear> {
  const layers = [...walk(network).modules].flatMap(([item, path]) =>
    item instanceof Linear ? [[path, item] as const] : [],
  )
  for (const [path, { adapter }] of layers)
    if (adapter)
      throw new ModelsError(
        'adapter-there',
        `readAdapter: the network has an adapter at "${path}"; take it off first.`,
        { path },
      )
  return new Map(layers)
}

interface StoredAdapter {
  readonly path: string
  readonly alpha: number
  /** `down`, `up` and, for DoRA, `magnitude`. */
  readonly tensors: Readonly<Record<string, Tensor>>
}

/** The tensors of an adapter file by name, without what PEFT puts before it. */
class AdapterTensors {
  readonly #taken = new Set<string>()

  constructor(
    readonly tensors: Map<string, Tensor>,
    readonly config: AdapterConfig,
    readonly source: string,
  ) {}

  /** The tensors that stand for parameters of the base. */
  *replaced(network: object, names: WeightNames, prefix: string): Iterable<[path: string, tensor: Tensor]> {
    for (const [{ shape }, path] of walk(network).parameters) {
      const name = parameterNames(path, names).find((name) => this.tensors.has(prefix + name))
      if (name === undefined) continue
      const tensor = this.tensors.get(prefix + name)!
      this.tensors.delete(prefix + name)
      yield [path, fitted(tensor, shape, path.endsWith('.weight'), { name, path, source: this.source })]
    }
  }

  /** The adapter of a layer, if it has one. */
  adapter(
    path: string,
    { whole: name, place, of }: FusedPlace,
    shape: readonly number[],
    weight: Tensor | undefined,
  ): StoredAdapter | undefined {
    const { config, tensors } = this
    const targeted = config.targets?.some((target) => endsWith(name, target)) ?? false
    if (!targeted && !tensors.has(`${name}.lora_A.weight`)) return undefined
    const [inputs, outputs] = shape as [number, number]
    const [rank, alpha] = [config.rank(name), config.alpha(name)]
    const down = transposed(this.#take(`${name}.lora_A.weight`, [rank, inputs]))
    const up = transposed(partOf(this.#take(`${name}.lora_B.weight`, [of * outputs, rank]), place, of))
    const found: Record<string, Tensor> = of > 1 ? { ...partAdapter(down, up) } : { down, up }
    const share = found['up']!.dims[0]! / rank
    if (config.dora) {
      if (!weight)
        throw new ModelsError('missing-weight', `readAdapter: the weights of the base lack "${path}.weight".`, { path })
      const { data } = partOf(this.#take(`${name}.lora_magnitude_vector`, [of * outputs]), place, of)
      const gained = columnNorms(weight).map((norm, column) => (data[column] as number) - norm)
      found['magnitude'] = { dtype: 'float32', dims: [outputs], data: Float32Array.from(gained) }
    }
    return { path, alpha: alpha * (config.rankStabilised ? Math.sqrt(share) : share), tensors: found }
  }

  /** Takes out what was read. */
  leaveOthers(): void {
    for (const name of this.#taken) this.tensors.delete(name)
  }

  /** Refuses what is left of layers that the network does have: an adapter of an embedding, say. */
  refuseUnfit(layers: ReadonlySet<string>): void {
    for (const name of this.tensors.keys()) {
      const at = name.indexOf('.lora_')
      if (at >= 0 && layers.has(name.slice(0, at)))
        throw new ModelsError(
          'unexpected-weight',
          `${this.source}: the tensor "${name}" is of an adapter that is not supported here, or that adapter_config.json does not tell of; adapters of linear layers are read (LoRA, DoRA where "use_dora" is true).`,
          { name },
        )
    }
  }

  #take(name: string, expected: readonly number[]): Tensor {
    const tensor = this.tensors.get(name)
    if (!tensor)
      throw new ModelsError(
        'missing-weight',
        `${this.source}: adapter_config.json asks for the tensor "${name}", which is not among the weights.`,
        { name },
      )
    if (tensor.dtype !== 'float32' || String(tensor.dims) !== String(expected))
      throw new ModelsError(
        'wrong-shape',
        `${this.source}: the tensor "${name}" is ${tensor.dtype} ${printShape(tensor.dims)}, but base and adapter_config.json ask for float32 ${printShape(expected)}.`,
        { name, found: tensor.dims, expected },
      )
    this.#taken.add(name)
    return tensor
  }
}

async function readJson(file: string, folder: string): Promise<JsonObject> {
  const text = await readFile(file, 'utf8').catch((cause) => {
    throw new ModelsError(
      'adapter-not-found',
      `"${folder}" is no folder of an adapter: it has no readable adapter_config.json.`,
      { folder },
      { cause },
    )
  })
  return parseObject(text, file)
}

function refuseOtherBase(folder: string, { base, baseHash }: AdapterConfig, hash: string): void {
  if (baseHash === undefined || baseHash === hash) return
  const named = base ? `"${base}", whose weights have` : 'a base whose weights have'
  throw new ModelsError(
    'other-base',
    `${folder}: the adapter belongs to ${named} the sha256 ${baseHash}; those of this base have ${hash}. Give it the base it was trained on.`,
    { base, expected: baseHash, found: hash },
  )
}

async function readTensors(file: string): Promise<Map<string, Tensor>> {
  const weights = await openWeights(file)
  try {
    const tensors = new Map<string, Tensor>()
    for (const name of weights.tensors.keys()) {
      if (!name.startsWith(WRAPPER))
        throw new ModelsError(
          'unexpected-weight',
          `${file}: the tensor "${name}" is not of a PEFT adapter, whose names begin with "${WRAPPER}".`,
          { name },
        )
      tensors.set(name.slice(WRAPPER.length), await weights.read(name))
    }
    return tensors
  } finally {
    await weights.close()
  }
}

/** What stands before the names of the base, where it was trained as part of a larger model. */
function prefixOf(
  layers: readonly string[],
  tensors: ReadonlyMap<string, Tensor>,
  { prefixes, names, fused }: NamedArchitecture,
) {
  const known = layers.map((path) => `${fusedPlace(layerName(path, names), fused).whole}.lora_A.weight`)
  return ['', ...prefixes].find((prefix) => known.some((name) => tensors.has(prefix + name))) ?? ''
}
