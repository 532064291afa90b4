import { packFourBit, type Tensor } from '@volant/graph'
import { NnError } from '../errors.js'
import { linearLayers } from './adapters.js'
import { FourBitWeight } from './four-bit-weight.js'
import { matchesAny, refuseIdle } from './paths.js'

/**
 * Gives every linear layer whose path matches a weight of 4-bit numbers, and returns the paths of their weights. What was
 * `<layer>.weight` is now `<layer>.weight.numbers` and `<layer>.weight.scales`; `fourBitTensors` makes them. Throws NnError
 * `idle-pattern`, `bad-adapter` for layers with adapters, which are added after.
 */
export function useFourBits(model: object, patterns: readonly string[]): string[] {
  const layers = linearLayers(model)
  refuseIdle('useFourBits', patterns, [...layers.keys()], 'linear layer')
  const chosen = [...layers].filter(([path]) => matchesAny(patterns, path))
  for (const [path, { adapter }] of chosen)
    if (adapter)
      throw new NnError('bad-adapter', `useFourBits: there is an adapter at "${path}" already; add it after`, { path })
  for (const [, layer] of chosen) layer.weight = new FourBitWeight(layer.weight.shape)
  return chosen.map(([path]) => `${path}.weight`)
}

/** The tensors of a weight in 4-bit numbers, by their paths: `turned` is the weight [outputs, inputs], as files have it. */
export function fourBitTensors(path: string, turned: Tensor): [path: string, tensor: Tensor][] {
  const { numbers, scales } = packFourBit(turned)
  return [
    [`${path}.numbers`, numbers],
    [`${path}.scales`, scales],
  ]
}
