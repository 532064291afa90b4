import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { printShape, type Tensor, writeSafetensors } from '@volant/graph'
import { columnNorms, Linear, LoraAdapter, walk } from '@volant/nn'
import { fusedPlace } from '../architectures/fused.js'
import { layerName } from '../architectures/names.js'
import { ModelsError } from '../errors.js'
import { writeFolder } from '../files/folder.js'
import { BASE_HASH } from './config.js'
import { joinedAdapter, type PartAdapter } from './fused.js'
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

/** A layer of files with an adapter. */
interface Adapted {
  readonly path: string
  /** Of theirs, with the prefix. */
  readonly name: string
  readonly adapter: LoraAdapter
  /** As they are written. */
  readonly rank: number
  readonly alpha: number
  readonly tensors: readonly [string, Tensor][]
}

/**
 * Writes the adapters of a network as the folder that PEFT reads: adapter_model.safetensors, and adapter_config.json, which also
 * holds the hash of the base. What is at `folder` is replaced when all is written. Throws ModelsError `no-adapter`,
 * `mixed-adapters`, `missing-weight`.
 */
export async function writeAdapter(folder: string, written: WrittenAdapter): Promise<void> {
  const files = adapterFiles(written)
  await writeFolder(folder, async (partial) => {
    for (const [name, content] of files) await writeFile(join(partial, name), content)
  })
}

/** The files of such a folder by name; see `writeAdapter`. */
export function adapterFiles(written: WrittenAdapter): Map<string, Uint8Array | string> {
  const { others = new Map<string, Tensor>() } = written
  const adapted = adaptedLayers(written)
  if (adapted.length === 0) throw new ModelsError('no-adapter', 'The network has no adapter to write.')
  const tensors = new Map([...adapted.flatMap((one) => one.tensors), ...others])
  const config = configOf(adapted, written, [...others.keys()])
  const named = new Map([...tensors].map(([name, tensor]) => [WRAPPER + name, tensor]))
  return new Map<string, Uint8Array | string>([
    ['adapter_model.safetensors', writeSafetensors(named, { format: 'pt' })],
    ['adapter_config.json', `${JSON.stringify(config, null, 2)}\n`],
  ])
}

/** A linear layer of the network, with an adapter or without. */
interface Layer {
  readonly path: string
  readonly layer: Linear
}

/** The layers with adapters by their names in files; of those that files keep as one, one has an adapter at least. */
function adaptedLayers({ network, architecture, weights, prefix = '' }: WrittenAdapter): Adapted[] {
  const groups = new Map<string, Layer[]>()
  for (const [layer, path] of walk(network).modules) {
    if (!(layer instanceof Linear)) continue
    const { whole, place } = fusedPlace(prefix + layerName(path, architecture.names), architecture.fused)
    const parts = groups.get(whole) ?? []
    parts[place] = { path, layer }
    groups.set(whole, parts)
  }
  return [...groups].flatMap(([name, parts]) => {
    const first = parts.find(({ layer }) => layer.adapter instanceof LoraAdapter)
    return first ? [stored(name, parts, first, weights)] : []
  })
}

/** What is written of a layer: down and up turned, the norms of the columns whole. */
function stored(
  name: string,
  parts: readonly Layer[],
  { path, layer }: Layer,
  weights: ReadonlyMap<string, Tensor>,
): Adapted {
  const adapter = layer.adapter as LoraAdapter
  const whole = joinedAdapter(parts.map((part) => loraOf(part, weights)))
  const [rank, alpha] =
    parts.length === 1
      ? [adapter.rank, adapter.alpha]
      : [whole.rank, whole.scale * (adapter.rankStabilised ? Math.sqrt(whole.rank) : whole.rank)]
  const tensors: [string, Tensor][] = [
    [`${name}.lora_A.weight`, whole.down],
    [`${name}.lora_B.weight`, whole.up],
  ]
  if (adapter.magnitude) {
    const norms = Float32Array.from(parts.flatMap((part) => normsOf(part, weights)))
    tensors.push([`${name}.lora_magnitude_vector`, { dtype: 'float32', dims: [norms.length], data: norms }])
  }
  return { path, name, adapter, rank, alpha, tensors }
}

function loraOf({ path, layer: { adapter } }: Layer, weights: ReadonlyMap<string, Tensor>): PartAdapter | undefined {
  if (!(adapter instanceof LoraAdapter)) return undefined
  const down = fitting(weights, `${path}.adapter.down`, adapter.down.shape)
  return { down, up: fitting(weights, `${path}.adapter.up`, adapter.up.shape), scale: adapter.scale }
}

/** The norms that the columns of a layer are to have. */
function normsOf({ path, layer }: Layer, weights: ReadonlyMap<string, Tensor>): number[] {
  const norms = Array.from(columnNorms(fitting(weights, `${path}.weight`, layer.weight.shape)))
  if (!(layer.adapter instanceof LoraAdapter)) return norms
  const { data } = fitting(weights, `${path}.adapter.magnitude`, [norms.length])
  return norms.map((norm, column) => norm + Number(data[column]))
}

/** adapter_config.json; what differs from the first adapter's rank and alpha is told by name. */
function configOf(
  adapted: readonly Adapted[],
  { architecture, base, task }: WrittenAdapter,
  others: readonly string[],
) {
  const { rank, alpha } = adapted.find((one) => one.rank === one.adapter.rank) ?? adapted[0]!
  const differing = (value: 'rank' | 'alpha', usual: number) =>
    Object.fromEntries(adapted.flatMap((one) => (one[value] === usual ? [] : [[one.name, one[value]]])))
  const saved = [...new Set(others.map((name) => name.slice(0, name.lastIndexOf('.'))))]
  return {
    base_model_name_or_path: base.name,
    [BASE_HASH]: base.hash,
    bias: 'none',
    fan_in_fan_out: architecture.type === 'gpt2',
    inference_mode: true,
    lora_alpha: alpha,
    alpha_pattern: differing('alpha', alpha),
    lora_dropout: same(adapted, 'dropout', ({ dropout }) => dropout.probability),
    modules_to_save: saved.length > 0 ? saved : null,
    peft_type: 'LORA',
    r: rank,
    rank_pattern: differing('rank', rank),
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
