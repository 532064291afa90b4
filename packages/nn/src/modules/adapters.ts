import type { Tensor } from '@volant/graph'
import { NnError } from '../errors.js'
import { freezeAllBut } from './fine-tuning.js'
import { Linear } from './linear.js'
import { LoraAdapter, type LoraOptions } from './lora.js'
import { changedWeight, columnFactors, loraNumbers } from './lora-weights.js'
import { matchesAny, refuseIdle } from './paths.js'
import { walk } from './tree.js'

export interface AdapterOptions extends LoraOptions {
  /** Patterns of the paths of linear layers: `['**.query', '**.value']`. */
  readonly targets: readonly string[]
  /** Patterns of parameters that are to be trained besides, such as a new head: `['head.**']`. */
  readonly train?: readonly string[]
}

/**
 * Puts an adapter beside every linear layer whose path matches, and returns the paths to `freeze` so that only adapters and `train`
 * are learnt. The paths of the model's own parameters stay; an adapter has `<layer>.adapter.down`, `.up` and, for DoRA,
 * `.magnitude`, and starts by changing nothing. Throws NnError `idle-pattern`, `bad-adapter`.
 */
export function addAdapters(model: object, { targets, train = [], ...options }: AdapterOptions): string[] {
  const layers = linearLayers(model)
  refuseIdle('addAdapters', targets, [...layers.keys()], 'linear layer')
  const chosen = [...layers].filter(([path]) => matchesAny(targets, path))
  const made = chosen.map(([path, layer]) => ({ layer, adapter: adapterFor(path, layer, options) }))
  for (const { layer, adapter } of made) layer.adapter = adapter
  const parts = [...adaptedLayers(model).keys()].map(inside)
  const learnt = [...walk(model).parameters.values()].filter((path) => parts.some((part) => path.startsWith(part)))
  return freezeAllBut(model, [...learnt, ...train])
}

/** Takes all adapters off, so that the model is as it was. */
export function removeAdapters(model: object): void {
  for (const layer of linearLayers(model).values()) layer.adapter = undefined
}

/**
 * The weights with every adapter folded into the weight beside it, for the model without adapters; the former map stays as it is.
 * Throws NnError `missing-weight`, `wrong-shape`, and `bad-adapter` where there are several, from `bankAdapters`.
 */
export function mergeAdapters(weights: ReadonlyMap<string, Tensor>, model: object): Map<string, Tensor> {
  const shared = [...linearLayers(model)].find(([, { adapter }]) => adapter && !(adapter instanceof LoraAdapter))
  if (shared)
    throw new NnError('bad-adapter', `mergeAdapters: several adapters share "${shared[0]}"; merge them one by one`)
  const layers = adaptedLayers(model)
  const parts = [...layers.keys()].map(inside)
  const merged = new Map([...weights].filter(([name]) => !parts.some((part) => name.startsWith(part))))
  for (const [path, layer] of layers) merged.set(path ? `${path}.weight` : 'weight', mergedWeight(weights, path, layer))
  return merged
}

/**
 * The weight of one layer with its adapter folded in: for models too large to be merged as a whole. Of the weights only those of
 * the layer are read. Throws NnError `missing-weight`, `wrong-shape`.
 */
export function mergedWeight(weights: ReadonlyMap<string, Tensor>, path: string, layer: AdaptedLinear): Tensor {
  const learnt = loraNumbers('mergeAdapters', weights, path, layer)
  const data = changedWeight(learnt, layer.adapter)
  const factors = columnFactors(learnt, data, layer.adapter)
  for (let i = 0; i < data.length; i++) data[i]! *= factors[i % factors.length]!
  return { dtype: 'float32', dims: layer.weight.shape, data: Float32Array.from(data) }
}

/** The linear layers of a model by path. */
export function linearLayers(model: object): Map<string, Linear> {
  return new Map([...walk(model).modules].flatMap(([item, path]) => (item instanceof Linear ? [[path, item]] : [])))
}

/** A linear layer with an adapter of its own. */
export type AdaptedLinear = Linear & { readonly adapter: LoraAdapter }

/** The linear layers with an adapter of their own, by path. */
export function adaptedLayers(model: object): Map<string, AdaptedLinear> {
  const isAdapted = (entry: [string, Linear]): entry is [string, AdaptedLinear] =>
    entry[1].adapter instanceof LoraAdapter
  return new Map([...linearLayers(model)].filter(isAdapted))
}

/** What the paths of a layer's adapter begin with. */
const inside = (path: string) => (path ? `${path}.adapter.` : 'adapter.')

function adapterFor(path: string, layer: Linear, options: LoraOptions): LoraAdapter {
  const refuse = (reason: string, details: object, cause?: Error) =>
    new NnError('bad-adapter', `addAdapters: ${reason} at "${path}"`, { path, ...details }, { cause })
  if (layer.adapter) throw refuse('there is an adapter already; take it off with removeAdapters first', {})
  try {
    return new LoraAdapter(layer.weight.shape[0]!, layer.weight.shape[1]!, options)
  } catch (error) {
    if (!(error instanceof NnError)) throw error
    throw refuse(error.message, error.details, error)
  }
}
