import { GraphError } from '../error.js'
import type { Value } from '../graph.js'
import type { Kernel } from '../ops/windows.js'

/** One number for all axes, or one for each. */
export type PerAxis = number | readonly number[]

/**
 * Elements added around each axis: one number for all; for each axis a number or `[before, after]`; or `'same'`, as many as
 * give ⌈size / stride⌉ places, the odd one after.
 */
export type Padding = 'same' | number | readonly (number | readonly [before: number, after: number])[]

export interface WindowOptions {
  /** Default 1. */
  stride?: PerAxis
  /** Default 0. */
  padding?: Padding
  /** Distance between the elements a kernel sees; default 1. */
  dilation?: PerAxis
}

/** The options of a window as a row's attributes, for the spatial axes of x. */
export function windowOf(
  op: string,
  x: Value,
  kernel: readonly number[],
  { stride = 1, padding = 0, dilation = 1 }: WindowOptions,
): Kernel {
  const axes = kernel.length
  const details = { op, path: x.builder.path, shapes: [x.shape] }
  if (x.shape.length !== axes + 2)
    throw new GraphError(`the input must be [batch, channels, ${axes === 1 ? 'time' : 'height, width'}]`, details)
  const each = (value: PerAxis, what: string): readonly number[] => {
    const all = typeof value === 'number' ? Array<number>(axes).fill(value) : value
    if (all.length !== axes || !all.every((n) => Number.isInteger(n) && n >= 1))
      throw new GraphError(`the ${what} must be whole numbers of at least 1, ${axes} of them, found ${value}`, details)
    return all
  }
  each(kernel, 'kernel')
  const strides = each(stride, 'stride')
  const dilations = each(dilation, 'dilation')
  const samePads = (i: number): [number, number] => {
    const size = x.shape[i + 2]!
    const reach = dilations[i]! * (kernel[i]! - 1) + 1
    if (typeof size !== 'number' && strides[i] !== 1)
      throw new GraphError(`padding 'same' with a stride needs a known size, found ${size}; give the padding`, details)
    const places = typeof size === 'number' ? Math.ceil(size / strides[i]!) : 0
    const total = typeof size === 'number' ? Math.max(0, (places - 1) * strides[i]! + reach - size) : reach - 1
    return [Math.floor(total / 2), Math.ceil(total / 2)]
  }
  const given = typeof padding === 'number' ? Array<number>(axes).fill(padding) : padding
  const pairs =
    given === 'same' ? kernel.map((_, i) => samePads(i)) : given.map((n) => (typeof n === 'number' ? [n, n] : n))
  if (pairs.length !== axes || !pairs.flat().every((n) => Number.isInteger(n) && n >= 0))
    throw new GraphError(`the padding must be whole numbers of at least 0, for ${axes} axes, found ${padding}`, details)
  return {
    kernel,
    strides,
    dilations,
    pads: [...pairs.map(([before]) => before!), ...pairs.map(([, after]) => after!)],
  }
}
