import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { printShape, type Tensor, writeSafetensors } from '@volant/graph'
import { columnNorms, Linear, LoraAdapter, walk } from '@volant/nn'
import { layerName, transposed } from '../architectures/names.js'
import { ModelsError } from '../errors.js'
import { BASE_HASH } from './config.js'
import { type NamedArchitecture, WRAPPER } from './read.js'

export interface WrittenAdapter {
  /** With its adapters. */
  readonly network: object
  readonly architecture: NamedArchitecture
  /** Of the network and its adapters, by path. */
  readonly weights: ReadonlyMap<string, Tensor>
  /** Name of the base on a hub, or its folder, and its `hashWeights`. */
  readonly base: { readonly name: string; readonly hash: string }
  /** Tensors to load besides, by the names and in the shapes of their architecture: `classifier.weight` [classes, width]. */
  readonly others?: ReadonlyMap<string, Tensor>
  /** PEFT's name of what the network does, as `CAUSAL_LM`; default none. */
  readonly task?: string
  /** What the network is called in the model that has such others inside, as `bert.`; default none. */
  readonly prefix?: string
}

interface Adapted {
  readonly path: string
  /** Of theirs, with the prefix. */
  readonly name: string
  readonly adapter: LoraAdapter
}

/**
 * Writes the adapters of a network as the folder that PEFT reads: adapter_model.safetensors, then adapter_config.json, which also
 * holds the hash of the base. Throws ModelsError `no-adapter`, `mixed-adapters`, `missing-weight`.
 */
export async function writeAdapter(folder: string, written: WrittenAdapter): Promise<void> {
  const { network, architecture, others = new Map<string, Tensor>(), prefix = '' } = written
  const adapted = [...walk(network).modules].flatMap(([item, path]): Adapted[] =>
    item instanceof Linear && item.adapter instanceof LoraAdapter
      ? [{ path, name: prefix + layerName(path, architecture.names), adapter: item.adapter }]
      : [],
  )
  if (adapted.length === 0)
    throw new ModelsError('no-adapter', `writeAdapter: the network has no adapter to write to ${folder}.`, { folder })
  const tensors = new Map(adapted.flatMap((one) => stored(one, written.weights)))
  for (const [name, tensor] of others) tensors.set(name, tensor)
  const config = configOf(adapted, written, [...others.keys()])
  await mkdir(folder, { recursive: true })
  const named = new Map([...tensors].map(([name, tensor]) => [WRAPPER + name, tensor]))
  await writeFile(join(folder, 'adapter_model.safetensors'), writeSafetensors(named, { format: 'pt' }))
  await writeFile(join(folder, 'adapter_config.json'), `${JSON.stringify(config, null, 2)}\n`)
}

/** The tensors of an adapter by name: down and up turned, the norms of the columns whole. */
function stored({ path, name, adapter }: Adapted, weights: ReadonlyMap<string, Tensor>): [string, Tensor][] {
  const of = (own: string, shape: readonly number[]) => fitting(weights, `${path}.${own}`, shape)
  const [inputs, outputs] = [adapter.down.shape[0]!, adapter.up.shape[1]!]
  const tensors: [string, Tensor][] = [
    [`${name}.lora_A.weight`, transposed(of('adapter.down', adapter.down.shape))],
    [`${name}.lora_B.weight`, transposed(of('adapter.up', adapter.up.shape))],
  ]
  if (!adapter.magnitude) return tensors
  const gained = of('adapter.magnitude', [outputs]).data
  const norms = columnNorms(of('weight', [inputs, outputs])).map((norm, column) => norm + (gained[column] as number))
  const magnitude: Tensor = { dtype: 'float32', dims: [outputs], data: Float32Array.from(norms) }
  return [...tensors, [`${name}.lora_magnitude_vector`, magnitude]]
}

/** adapter_config.json; what differs from the first adapter's rank and alpha is told by name. */
function configOf(
  adapted: readonly Adapted[],
  { architecture, base, task }: WrittenAdapter,
  others: readonly string[],
) {
  const { rank, alpha } = adapted[0]!.adapter
  const differing = (value: (adapter: LoraAdapter) => number, usual: number) =>
    Object.fromEntries(
      adapted.flatMap(({ name, adapter }) => (value(adapter) === usual ? [] : [[name, value(adapter)]])),
    )
  const saved = [...new Set(others.map((name) => name.slice(0, name.lastIndexOf('.'))))]
  return {
    base_model_name_or_path: base.name,
    [BASE_HASH]: base.hash,
    bias: 'none',
    fan_in_fan_out: architecture.type === 'gpt2',
    inference_mode: true,
    lora_alpha: alpha,
    alpha_pattern: differing((adapter) => adapter.alpha, alpha),
    lora_dropout: same(adapted, 'dropout', ({ dropout }) => dropout.probability),
    modules_to_save: saved.length > 0 ? saved : null,
    peft_type: 'LORA',
    r: rank,
    rank_pattern: differing((adapter) => adapter.rank, rank),
    target_modules: adapted.map(({ name }) => name),
    task_type: task ?? null,
    use_dora: same(adapted, 'dora', ({ magnitude }) => magnitude !== undefined),
    use_rslora: same(adapted, 'rankStabilised', ({ rankStabilised }) => rankStabilised),
  }
}

/** What is one setting for all adapters in the format. */
function same<T>(adapted: readonly Adapted[], setting: string, of: (adapter: LoraAdapter) => T): T {
  const first = of(adapted[0]!.adapter)
  const other = adapted.find(({ adapter }) => of(adapter) !== first)
  if (!other) return first
  throw new ModelsError(
    'mixed-adapters',
    `writeAdapter: "${setting}" is ${first} at "${adapted[0]!.path}" and ${of(other.adapter)} at "${other.path}"; the format of PEFT has one for all layers.`,
    { setting, paths: [adapted[0]!.path, other.path] },
  )
}

function fitting(weights: ReadonlyMap<string, Tensor>, path: string, shape: readonly number[]): Tensor {
  const tensor = weights.get(path)
  if (tensor?.dtype === 'float32' && String(tensor.dims) === String(shape)) return tensor
  const found = tensor ? `${tensor.dtype} ${printShape(tensor.dims)}` : 'missing'
  throw new ModelsError(
    'missing-weight',
    `writeAdapter: the weight "${path}" is ${found}, expected float32 ${printShape(shape)}.`,
    { path, found: tensor?.dims, expected: shape },
  )
}
