import { multiplyDims, type Shape } from '../dims.js'
import { GraphError } from '../error.js'
import type { Value } from '../graph.js'
import { type AveragePool, type Kernel, spatial } from '../ops/windows.js'
import { apply } from './apply.js'
import { convTranspose } from './convolution.js'
import { cast, div, equal, mul } from './elementwise.js'
import { reduceMax, reduceMean } from './reductions.js'
import { concat, fill, reshape, slice } from './shape.js'
import { type PerAxis, type WindowOptions, windowOf } from './windows.js'

export interface MaxPoolOptions extends WindowOptions {
  /** Default: the kernel, so that windows lie side by side. */
  stride?: PerAxis
  /** A last window that reaches over the end counts too, where the sizes are known; default false. */
  ceil?: boolean
}

export interface AveragePoolOptions extends Omit<MaxPoolOptions, 'dilation' | 'ceil'> {
  /** Whether padded zeros count as elements of the mean; default true. */
  countPadding?: boolean
}

/** Largest element of each window over time; padding is never the largest. x [B, C, T] -> [B, C, T']. */
export const maxPool1d = (x: Value, kernel: PerAxis, options: MaxPoolOptions = {}): Value =>
  maxPool('maxPool1d', 1, x, kernel, options)

/**
 * Largest element of each window; padding is never the largest. x [B, C, H, W] -> [B, C, H', W']. Of equal elements the
 * first gets the gradient, or where windows lie side by side and cover all, each its share.
 */
export const maxPool2d = (x: Value, kernel: PerAxis, options: MaxPoolOptions = {}): Value =>
  maxPool('maxPool2d', 2, x, kernel, options)

/** Mean of each window over time. x [B, C, T] -> [B, C, T']. */
export const averagePool1d = (x: Value, kernel: PerAxis, options: AveragePoolOptions = {}): Value =>
  meanPool('averagePool1d', 1, x, kernel, options)

/** Mean of each window. x [B, C, H, W] -> [B, C, H', W']. */
export const averagePool2d = (x: Value, kernel: PerAxis, options: AveragePoolOptions = {}): Value =>
  meanPool('averagePool2d', 2, x, kernel, options)

/** Mean over all places: [B, C, …] -> [B, C]. */
export const globalAveragePool = (x: Value): Value => reduceMean(x, placesOf('globalAveragePool', x))

/** Largest element over all places: [B, C, …] -> [B, C]. */
export const globalMaxPool = (x: Value): Value => reduceMax(x, placesOf('globalMaxPool', x))

/**
 * Means of windows that divide each axis into the given number of parts, of sizes as even as can be: part i of o goes from
 * ⌊i n / o⌋ to ⌈(i + 1) n / o⌉. x [B, C, …] -> [B, C, …size].
 */
export const adaptiveAveragePool = (x: Value, size: PerAxis): Value =>
  adaptive('adaptiveAveragePool', x, size, (part, axis) => reduceMean(part, axis, true))

/** Largest elements of windows as in `adaptiveAveragePool`. */
export const adaptiveMaxPool = (x: Value, size: PerAxis): Value =>
  adaptive('adaptiveMaxPool', x, size, (part, axis) => reduceMax(part, axis, true))

const kernelOf = (kernel: PerAxis, axes: number): readonly number[] =>
  typeof kernel === 'number' ? Array<number>(axes).fill(kernel) : kernel

function maxPool(op: string, axes: number, x: Value, kernel: PerAxis, options: MaxPoolOptions): Value {
  const { ceil = false, ...others } = options
  const window = windowOf(op, x, kernelOf(kernel, axes), { stride: kernel, ...others })
  return apply('maxPool', [x], { ...window, ...(ceil ? { pads: padsOverEnd(op, x, window) } : {}) })
}

/** Padding with which a last window that begins within the axis is whole. */
export function padsOverEnd(op: string, x: Value, { kernel, strides, pads, dilations }: Kernel): number[] {
  const axes = kernel.length
  const after = spatial(x.shape).map((size, i) => {
    if (typeof size !== 'number')
      throw new GraphError(`windows over the end need known sizes, found ${size}; give the padding`, {
        op,
        path: x.builder.path,
        shapes: [x.shape],
      })
    const [before, given, stride] = [pads[i]!, pads[axes + i]!, strides[i]!]
    const reach = dilations[i]! * (kernel[i]! - 1) + 1
    const last = Math.ceil((size + before + given - reach) / stride) * stride
    const begin = last < size + before ? last : last - stride
    return Math.max(given, begin + reach - size - before)
  })
  return [...pads.slice(0, axes), ...after]
}

function meanPool(op: string, axes: number, x: Value, kernel: PerAxis, options: AveragePoolOptions): Value {
  const { countPadding = true, ...window } = options
  return averagePool(x, { ...windowOf(op, x, kernelOf(kernel, axes), { stride: kernel, ...window }), countPadding })
}

function placesOf(op: string, x: Value): number[] {
  if (x.shape.length < 3)
    throw new GraphError('the input must be [batch, channels, one or more axes]', {
      op,
      path: x.builder.path,
      shapes: [x.shape],
    })
  return spatial(x.shape).map((_, i) => i + 2)
}

/** The mean or maximum of a part of one axis, kept as an axis of 1. */
type Fold = (part: Value, axis: number) => Value

/** Windows of a box are products of windows of its axes, so means and maxima can be taken one axis after the other. */
function adaptive(op: string, x: Value, size: PerAxis, fold: Fold): Value {
  const axes = placesOf(op, x)
  const sizes = typeof size === 'number' ? axes.map(() => size) : size
  const details = { op, path: x.builder.path, shapes: [x.shape] }
  if (sizes.length !== axes.length || !sizes.every((o) => Number.isInteger(o) && o >= 1))
    throw new GraphError(`the size must be ${axes.length} whole numbers of at least 1, found ${size}`, details)
  return axes.reduce((value, axis, a) => {
    const parts = sizes[a]!
    const length = value.shape[axis]!
    if (parts === 1) return fold(value, axis)
    if (typeof length !== 'number')
      throw new GraphError(`axis ${axis} must have a known size to be divided into ${parts} parts`, details)
    if (length === parts) return value
    if (length % parts === 0) {
      const split = value.shape.toSpliced(axis, 1, parts, length / parts)
      return reshape(fold(reshape(value, split), axis + 1), value.shape.with(axis, parts))
    }
    const bounds = (i: number) => ({
      start: Math.floor((i * length) / parts),
      end: Math.ceil(((i + 1) * length) / parts),
    })
    return concat(
      Array.from({ length: parts }, (_, i) => fold(slice(value, { axis, ...bounds(i) }), axis)),
      axis,
    )
  }, x)
}

const averagePool = (x: Value, attributes: AveragePool): Value => {
  const { kernel, strides, pads, dilations, countPadding } = attributes
  return apply('averagePool', [x], { kernel, strides, pads, dilations, countPadding })
}

/** The gradient of maxPool: each element goes to the place its maximum came from; what meets there is summed. */
export const maxUnpool = (dy: Value, places: Value, size: Shape, window: Kernel): Value => {
  const { kernel, strides, pads, dilations } = window
  return apply('maxUnpool', [dy, places], { kernel, strides, pads, dilations, size })
}

/**
 * The gradient of maxPool y of x where windows are tiles: each maximum gets the gradient, several of a tile their share. Takes
 * half the time of the places of the maxima, which ONNX Runtime finds slowly.
 */
export function shareAmongMaxima(dy: Value, x: Value, y: Value, kernel: readonly number[]): Value {
  const fillTiles = (value: Value) =>
    apply('resize', [value], { size: spatial(x.shape), mode: 'nearest', alignCorners: false })
  const mask = cast(equal(x, fillTiles(y)), x.dtype)
  const window = { kernel, strides: kernel, pads: kernel.flatMap(() => [0, 0]), dilations: kernel.map(() => 1) }
  const count = mul(
    averagePool(mask, { ...window, countPadding: true }),
    kernel.reduce((a, b) => a * b, 1),
  )
  return mul(mask, fillTiles(div(dy, count)))
}

/** The gradient of averagePool: each element is spread evenly over its window, which a transposed convolution does. */
export function spreadAverage(dy: Value, size: Shape, attributes: AveragePool): Value {
  const { kernel, pads, countPadding } = attributes
  const { builder, dtype, shape } = dy
  const elements = kernel.reduce((a, b) => a * b, 1)
  let share = mul(dy, 1 / elements)
  if (!countPadding && pads.some((n) => n > 0)) {
    const filled = averagePool(fill(builder, [1, 1, ...size], 1, dtype), { ...attributes, countPadding: true })
    share = div(share, filled)
  }
  const images = reshape(share, [multiplyDims(shape[0]!, shape[1]!), 1, ...spatial(shape)])
  const ones = fill(builder, [1, 1, ...kernel], 1, dtype)
  const spread = convTranspose(images, ones, undefined, size, { ...attributes, groups: 1 })
  return reshape(spread, [...shape.slice(0, 2), ...size])
}
