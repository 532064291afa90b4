import type { Tensor } from '@volant/graph'
import type { StoredTensor, Weights } from '../files/weights.js'

/** By the last part of a layer's name in files: the names of the layers of equal size whose outputs stand side by side in it. */
export type FusedLayers = Readonly<Record<string, readonly string[]>>

const leaf = /^(.*\.)?([^.]+)\.(weight|bias)$/

function partsOf(name: string, fused: FusedLayers): string[] {
  const [, before = '', layer = '', own = ''] = leaf.exec(name) ?? []
  return (Object.hasOwn(fused, layer) ? fused[layer]! : []).map((part) => `${before}${part}.${own}`)
}

/** A layer within one that files keep: the name of that, and which part of how many it is. */
export interface FusedPlace {
  readonly whole: string
  readonly place: number
  readonly of: number
}

/** What files call the layer of this name, which may be a part of one. */
export function fusedPlace(name: string, fused: FusedLayers = {}): FusedPlace {
  const at = name.lastIndexOf('.') + 1
  const [whole, parts = []] = Object.entries(fused).find(([, parts]) => parts.includes(name.slice(at))) ?? []
  if (whole === undefined) return { whole: name, place: 0, of: 1 }
  return { whole: name.slice(0, at) + whole, place: parts.indexOf(name.slice(at)), of: parts.length }
}

/** Shows each layer that files keep as one, [parts x outputs, inputs], as its parts. */
export function separated(weights: Weights, fused: FusedLayers): Weights {
  const tensors = new Map<string, StoredTensor>()
  const places = new Map<string, FusedPlace>()
  for (const [name, stored] of weights.tensors) {
    const parts = partsOf(name, fused)
    if (parts.length === 0) tensors.set(name, stored)
    const shape = [stored.shape[0]! / parts.length, ...stored.shape.slice(1)]
    parts.forEach((part, place) => {
      tensors.set(part, { shape, format: stored.format })
      places.set(part, { whole: name, place, of: parts.length })
    })
  }
  return {
    tensors,
    async read(name) {
      const at = places.get(name)
      return at ? partOf(await weights.read(at.whole), at.place, at.of) : weights.read(name)
    },
    close: () => weights.close(),
  }
}

/** The rows of one of several parts that stand one below the other. */
export function partOf({ dims, data }: Tensor, place: number, of: number): Tensor {
  const size = data.length / of
  return {
    dtype: 'float32',
    dims: [dims[0]! / of, ...dims.slice(1)],
    data: (data as Float32Array).slice(place * size, (place + 1) * size),
  }
}

/** The reverse of `separated`: tensors as files keep them. */
export function joined(tensors: ReadonlyMap<string, Tensor>, fused: FusedLayers): Map<string, Tensor> {
  const first = new Map(Object.entries(fused).map(([whole, parts]) => [parts[0]!, { whole, parts }]))
  const others = new Set(Object.values(fused).flatMap((parts) => parts.slice(1)))
  return new Map(
    [...tensors].flatMap(([name, tensor]): [string, Tensor][] => {
      const [, before = '', layer = '', own = ''] = leaf.exec(name) ?? []
      if (others.has(layer)) return []
      const found = first.get(layer)
      if (!found) return [[name, tensor]]
      const all = found.parts.map((part) => tensors.get(`${before}${part}.${own}`)!)
      const data = new Float32Array(tensor.data.length * all.length)
      all.forEach((part, place) => {
        data.set(part.data as Float32Array, place * tensor.data.length)
      })
      const dims = [tensor.dims[0]! * all.length, ...tensor.dims.slice(1)]
      return [[`${before}${found.whole}.${own}`, { dtype: 'float32', dims, data }]]
    }),
  )
}
