import { GraphBuilder } from '../builder.js'
import { attention } from '../functions/attention.js'
import { conv2d } from '../functions/convolution.js'
import { add, div, mul, relu, sub } from '../functions/elementwise.js'
import { dropout, feedForward, layerNorm, linear, softmax } from '../functions/layers.js'
import { fixedBatchNorm } from '../functions/normalisation.js'
import { maxPool2d } from '../functions/pooling.js'
import { lstm } from '../functions/recurrent.js'
import { reshape } from '../functions/shape.js'
import type { Graph, Value } from '../graph.js'
import type { Tensor } from '../tensor.js'
import { type NdArray, nd, random } from './array.js'

/** A small network with its weights and a batch for it. */
export interface SmallModel {
  readonly graph: Graph
  readonly weights: ReadonlyMap<string, Tensor>
  readonly feeds: Readonly<Record<string, NdArray>>
}

type Parameter = (path: string, shape: number[]) => Value

function small(name: string, build: (b: GraphBuilder, p: Parameter) => Value, feeds: SmallModel['feeds']): SmallModel {
  const b = new GraphBuilder(name)
  const weights = new Map<string, Tensor>()
  const parameter: Parameter = (path, shape) => {
    const fan = shape.length > 1 ? shape.reduce((a, d) => a * d) / Math.max(...shape) : 1
    const positive = /gamma|variance|scale/.test(path)
    const values = random(shape, weights.size + 3, positive ? 0.5 : -1, positive ? 1.5 : 1)
    const spread = shape.length > 1 ? Math.sqrt(3 / fan) : 1
    weights.set(path, { dtype: 'float32', dims: shape, data: Float32Array.from(values.data, (v) => v * spread) })
    return b.parameter(path, shape)
  }
  b.output('y', build(b, parameter))
  return { graph: b.build(), weights, feeds }
}

/** Standardised columns, two linear layers without an activation between them, ReLU, dropout, a head. */
export const mlp = (): SmallModel =>
  small(
    'mlp',
    (b, p) => {
      const x = b.input('x', 'float32', ['B', 32])
      const scaled = div(sub(x, p('mean', [32])), p('scale', [32]))
      const low = linear(scaled, p('down.weight', [32, 48]))
      const high = linear(low, p('up.weight', [48, 96]), p('up.bias', [96]))
      const h = dropout(relu(mul(high, 0.5)), 0.5, b.input('seed', 'uint32', []))
      return softmax(linear(h, p('head.weight', [96, 64]), p('head.bias', [64])))
    },
    { x: random([5, 32], 1), seed: nd([], () => 7, 'uint32') },
  )

/** One encoder layer with attention and feed-forward. */
export const encoder = (H = 32): SmallModel =>
  small(
    'encoder',
    (b, p) => {
      const x = b.input('x', 'float32', ['B', 'T', H])
      const dense = (name: string, v: Value, n = H) =>
        linear(v, p(`${name}.weight`, [Number(v.shape.at(-1)), n]), p(`${name}.bias`, [n]))
      const [q, k, v] = ['query', 'key', 'value'].map((name) => b.scope(name, () => dense(name, x)))
      const seen = dense('output', attention(q!, k!, v!, { heads: 4 }))
      const h = layerNorm(add(x, seen), p('norm1.gamma', [H]), p('norm1.beta', [H]))
      const wide = [p('up.weight', [H, 4 * H]), p('up.bias', [4 * H])] as const
      const narrow = [p('down.weight', [4 * H, H]), p('down.bias', [H])] as const
      return layerNorm(add(h, feedForward(h, ...wide, ...narrow)), p('norm2.gamma', [H]), p('norm2.beta', [H]))
    },
    { x: random([3, 7, H], 1) },
  )

/** Two convolutions, each with batch norm, ReLU and pooling, and a head. */
export const cnn = (): SmallModel =>
  small(
    'cnn',
    (b, p) => {
      const block = (name: string, x: Value, channels: number) =>
        b.scope(name, () => {
          const filters = p(`${name}.weight`, [channels, Number(x.shape[1]), 3, 3])
          const c = conv2d(x, filters, p(`${name}.bias`, [channels]), { padding: 1 })
          const statistics = ['gamma', 'beta', 'mean', 'variance'].map((s) => p(`${name}.${s}`, [channels]))
          return maxPool2d(relu(fixedBatchNorm(c, ...(statistics as [Value, Value, Value, Value]))), 2)
        })
      const images = block('second', block('first', b.input('x', 'float32', ['B', 3, 8, 8]), 16), 32)
      return linear(reshape(images, ['B', 128]), p('head.weight', [128, 40]), p('head.bias', [40]))
    },
    { x: random([4, 3, 8, 8], 1) },
  )

/** An LSTM over time and a head at each step. */
export const recurrent = (): SmallModel =>
  small(
    'recurrent',
    (b, p) => {
      const x = b.input('x', 'float32', ['T', 'B', 24])
      const weights = {
        weight: p('lstm.weight', [24, 128]),
        recurrent: p('lstm.recurrent', [32, 128]),
        bias: p('lstm.bias', [128]),
      }
      const { y } = lstm(x, [weights])
      return linear(y, p('head.weight', [32, 160]), p('head.bias', [160]))
    },
    { x: random([6, 2, 24], 1) },
  )
