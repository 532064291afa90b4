import { type Dim, divideDims, floorDivideDims, multiplyDims, printShape, type Shape } from '../dims.js'
import { GraphError } from '../error.js'
import type { Value } from '../graph.js'
import { spatial } from '../ops/windows.js'
import { apply } from './apply.js'
import { mul } from './elementwise.js'
import { matMul } from './layers.js'
import { averagePool2d } from './pooling.js'
import { reduceSum } from './reductions.js'
import { reshape, transpose } from './shape.js'
import type { PerAxis } from './windows.js'

/** A resizing as attributes of its row. */
export interface Resize {
  /** Of the axes after batch and channels. */
  size: Shape
  mode: 'nearest' | 'linear'
  /** For `linear`: corners meet corners, else pixels are squares that the image is cut into. */
  alignCorners: boolean
}

export interface ResizeOptions {
  /** The new size of each axis after batch and channels; this or `scale`. */
  size?: PerAxis
  /** New size over old, rounded down. */
  scale?: PerAxis
  /** `nearest` takes the element at ⌊i / scale⌋, `linear` (bilinear for images) the two around (i + 1/2) / scale - 1/2. */
  mode?: Resize['mode']
  /** For `linear`: first and last elements stay where they are. */
  alignCorners?: boolean
}

/** Makes axes longer or shorter by taking or mixing elements, without averaging over those left out. x [B, C, …] -> [B, C, …size]. */
export function resize(x: Value, { size, scale, mode = 'nearest', alignCorners = false }: ResizeOptions): Value {
  const details = { op: 'resize', path: x.builder.path, shapes: [x.shape] }
  const axes = spatial(x.shape)
  const given = size ?? scale
  if (given === undefined || (size !== undefined && scale !== undefined))
    throw new GraphError('give either a size or a scale', details)
  const each = typeof given === 'number' ? axes.map(() => given) : given
  if (axes.length === 0 || each.length !== axes.length || !each.every((n) => n > 0))
    throw new GraphError(`expected ${axes.length} positive numbers as size or scale, found ${given}`, details)
  const target = size ? each : axes.map((n, i) => scaled(n, each[i]!, details))
  return apply('resize', [x], { size: target, mode, alignCorners })
}

function scaled(size: Dim, scale: number, details: object): Dim {
  if (typeof size === 'number') return Math.floor(size * scale)
  if (Number.isInteger(scale)) return multiplyDims(size, scale)
  if (Number.isInteger(1 / scale)) return floorDivideDims(size, 1 / scale)
  throw new GraphError(`an axis of unknown size ${size} can only be scaled by whole numbers, found ${scale}`, details)
}

/**
 * The gradient of resize. Each axis was multiplied by a matrix of a few numbers a row, so the gradient is multiplied by its
 * transpose; repeating whole elements is undone by summing them.
 */
export function spreadBack(dy: Value, from: Shape, { size, mode, alignCorners }: Resize): Value {
  const scales = size.map((n, i) => divideDims(n, from[i]!))
  if (mode === 'nearest' && scales.every((s) => typeof s === 'number')) return sumRepeated(dy, from, scales as number[])
  return from.reduce<Value>((g, n, i) => {
    const [before, after] = [n, size[i]!]
    if (typeof before !== 'number' || typeof after !== 'number')
      throw new GraphError(
        `the gradient of resizing ${printShape(from)} to ${printShape(size)} needs known sizes, or nearest and a whole scale`,
        { op: 'resize', path: dy.builder.path },
      )
    const matrix = dy.builder.constant(weights(before, after, mode, alignCorners), {
      dtype: dy.dtype,
      shape: [after, before],
    })
    const last = g.shape.length - 1
    const axis = i + 2
    if (axis === last) return matMul(g, matrix)
    const perm = g.shape.map((_, a) => (a === axis ? last : a === last ? axis : a))
    return transpose(matMul(transpose(g, perm), matrix), perm)
  }, dy)
}

/** Sums the copies that each element was repeated into. */
function sumRepeated(dy: Value, from: Shape, scales: readonly number[]): Value {
  if (from.length === 2) {
    const kernel = scales as [number, number]
    return mul(averagePool2d(dy, kernel), kernel[0] * kernel[1])
  }
  const split = from.flatMap((n, i) => [n, scales[i]!])
  const copies = scales.map((_, i) => 3 + 2 * i)
  return reduceSum(reshape(dy, [...dy.shape.slice(0, 2), ...split]), copies)
}

/** The share of each old element in each new one, row by row. */
function weights(before: number, after: number, mode: Resize['mode'], alignCorners: boolean): number[] {
  const matrix = new Array<number>(after * before).fill(0)
  const scale = Math.fround(after / before)
  for (let i = 0; i < after; i++) {
    const put = (at: number, share: number) => {
      matrix[i * before + Math.min(Math.max(at, 0), before - 1)]! += share
    }
    if (mode === 'nearest') put(Math.floor(Math.fround(i / scale)), 1)
    else {
      const place = alignCorners
        ? after === 1
          ? 0
          : (i * (before - 1)) / (after - 1)
        : ((i + 0.5) * before) / after - 0.5
      const low = Math.floor(place)
      put(low, low + 1 - place)
      put(low + 1, place - low)
    }
  }
  return matrix
}
