import { reshape, type Value } from '@volant/graph'
import type { Context } from './context.js'
import { Module } from './module.js'

/** A layer, or a function without parameters such as `relu`. */
export type Layer = Module | ((x: Value) => Value)

/** Layers one after another: `new Sequential([new Linear(4, 8), relu, new Linear(8, 1)])`. */
export class Sequential extends Module {
  constructor(readonly layers: readonly Layer[]) {
    super()
  }

  protected forward(context: Context, x: Value): Value {
    return this.layers.reduce((h, layer) => (layer instanceof Module ? layer.apply(context, h) : layer(h)), x)
  }
}

/** All axes but the first as one: [B, …] -> [B, n]. */
export const flatten = (x: Value): Value => reshape(x, [x.shape[0]!, -1])
