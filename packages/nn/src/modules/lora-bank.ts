import { add, gather, matMul, mul, reshape, sizeOf, sub, type Tensor, unsqueeze, type Value } from '@volant/graph'
import { NnError } from '../errors.js'
import { adaptedLayers, linearLayers } from './adapters.js'
import type { Context } from './context.js'
import { ones, zeros } from './initialisers.js'
import type { AdaptedLayer, LoraAdapter } from './lora.js'
import { changedWeight, columnFactors, type LoraNumbers, loraNumbers } from './lora-weights.js'
import { Module } from './module.js'
import { Parameter, walk } from './tree.js'

/**
 * Several LoRA or DoRA adapters of a linear layer side by side, of which every row of a batch takes the one that the int64 input
 * `adapter` [B] says (Chen et al. 2023, "Punica").
 */
class LoraBank extends Module<[x: Value, y: Value, layer: AdaptedLayer]> {
  /** [adapters, inputs, rank] */
  readonly down: Parameter
  /** [adapters, rank, outputs], scaled. */
  readonly up: Parameter
  /** [adapters, outputs], what DoRA multiplies the columns by. */
  readonly factor: Parameter | undefined

  constructor(adapters: number, [inputs, outputs]: readonly number[], rank: number, dora: boolean) {
    super()
    this.down = new Parameter([adapters, inputs!, rank], zeros)
    this.up = new Parameter([adapters, rank, outputs!], zeros)
    if (dora) this.factor = new Parameter([adapters, outputs!], ones)
  }

  protected forward(context: Context, x: Value, y: Value, { bias }: AdaptedLayer): Value {
    const [batch, width] = [x.shape[0]!, x.shape.at(-1)!]
    const chosen = context.chosenAdapter(batch)
    const [down, up] = [this.down, this.up].map((parameter) => gather(context.use(parameter), chosen))
    const rows = reshape(x, [batch, sizeOf(x.shape.slice(1, -1)), width])
    const changed = add(y, reshape(matMul(matMul(rows, down!), up!), y.shape))
    if (!this.factor) return changed
    const factor = x.shape
      .slice(1, -1)
      .reduce<Value>((value) => unsqueeze(value, 1), gather(context.use(this.factor), chosen))
    const scaled = mul(changed, factor)
    return bias ? add(scaled, mul(context.use(bias), sub(1, factor))) : scaled
  }
}

/** An adapter of a base: a model of the base with adapters, and its weights, those of the base among them. */
export interface TrainedAdapter {
  readonly model: object
  readonly weights: ReadonlyMap<string, Tensor>
}

/**
 * Puts several trained adapters on one model, so that one session answers rows of different adapters: the graph gets the input
 * `adapter`, int64 [B], the place in `adapters` of each row's. A model without adapters among them is the base itself. Returns the
 * weights with those of the banks. Ranks and layers may differ; what else was trained must be the base's; for LoRA weights may
 * be in 4 bits. For inference.
 * Throws NnError `bad-adapter`, `other-base`, `missing-weight`, `wrong-shape`.
 */
export function bankAdapters(
  model: object,
  weights: ReadonlyMap<string, Tensor>,
  adapters: readonly TrainedAdapter[],
): Map<string, Tensor> {
  const layers = linearLayers(model)
  const taken = [...layers].find(([, layer]) => layer.adapter)
  if (taken) throw new NnError('bad-adapter', `bankAdapters: there is an adapter already at "${taken[0]}"`)
  for (const [place, adapter] of adapters.entries()) refuseOtherBase(model, weights, adapter, place)
  const sets = adapters.map(({ model, weights }) => ({ layers: adaptedLayers(model), weights }))
  const all = new Map(weights)
  for (const [path, layer] of layers) {
    const learnt = sets.map(({ layers, weights }): Learnt | undefined => {
      const found = layers.get(path)
      return found && { ...loraNumbers('bankAdapters', weights, path, found), adapter: found.adapter }
    })
    const ranks = learnt.flatMap((one) => one?.adapter.rank ?? [])
    if (ranks.length === 0) continue
    const dora = learnt.some((one) => one?.magnitude)
    const bank = new LoraBank(adapters.length, layer.weight.shape, Math.max(...ranks), dora)
    layer.adapter = bank
    for (const [name, tensor] of stacked(bank, learnt))
      all.set(path ? `${path}.adapter.${name}` : `adapter.${name}`, tensor)
  }
  return all
}

interface Learnt extends LoraNumbers {
  readonly adapter: LoraAdapter
}

/** The tensors of a bank: where an adapter has a smaller rank or is not there, zeros change nothing. */
function stacked({ down, up, factor }: LoraBank, learnt: readonly (Learnt | undefined)[]): [string, Tensor][] {
  const [, inputs, rank] = down.shape as [number, number, number]
  const outputs = up.shape[2]!
  const made = { down: empty(down, 0), up: empty(up, 0), factor: factor && empty(factor, 1) }
  for (const [place, one] of learnt.entries()) {
    if (!one) continue
    const { adapter } = one
    for (let i = 0; i < inputs; i++)
      made.down.data.set(one.down.subarray(i * adapter.rank, (i + 1) * adapter.rank), (place * inputs + i) * rank)
    made.up.data.set(
      one.up.map((value) => value * adapter.scale),
      place * rank * outputs,
    )
    if (one.magnitude) made.factor?.data.set(columnFactors(one, changedWeight(one, adapter), adapter), place * outputs)
  }
  return Object.entries(made).flatMap(([name, tensor]) => (tensor ? [[name, tensor]] : []))
}

const empty = ({ shape }: Parameter, value: number) => ({
  dtype: 'float32' as const,
  dims: shape,
  data: new Float32Array(shape.reduce((product, dim) => product * dim, 1)).fill(value),
})

function refuseOtherBase(
  model: object,
  weights: ReadonlyMap<string, Tensor>,
  adapter: TrainedAdapter,
  place: number,
): void {
  for (const path of walk(model).parameters.values()) {
    const [ours, theirs] = [weights.get(path), adapter.weights.get(path)]
    if (ours && theirs && (ours === theirs || sameNumbers(ours.data as Float32Array, theirs.data as Float32Array)))
      continue
    throw new NnError(
      'other-base',
      `bankAdapters: "${path}" of adapter ${place} is not that of the base; adapters of one base can stand side by side`,
      { path, place },
    )
  }
}

const sameNumbers = (a: Float32Array, b: Float32Array): boolean =>
  a.length === b.length && a.every((value, i) => value === b[i])
