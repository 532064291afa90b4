import { addDims, multiplyDims, type Shape } from '../dims.js'
import { GraphError } from '../error.js'
import type { Value } from '../graph.js'
import { type Conv, reachOf, spatial } from '../ops/windows.js'
import { apply } from './apply.js'
import { type PerAxis, type WindowOptions, windowOf } from './windows.js'

export interface ConvOptions extends WindowOptions {
  /** Channels and filters are cut into so many groups that do not see each other; default 1. */
  groups?: number
}

export interface ConvTransposeOptions extends Omit<ConvOptions, 'padding'> {
  /** Elements cut off around each axis, as the convolution it transposes adds them. */
  padding?: Exclude<ConvOptions['padding'], 'same'>
  /** Elements added at the end of each axis, less than the stride: which of the sizes that a stride rounds to the same. */
  outputPadding?: PerAxis
}

/** Correlation over time. x [B, C, T], w [M, C / groups, k], b [M] -> [B, M, T']. */
export const conv1d = (x: Value, w: Value, b?: Value, options: ConvOptions = {}): Value =>
  convolve('conv1d', 1, x, w, b, options)

/** Correlation over images. x [B, C, H, W], w [M, C / groups, kh, kw], b [M] -> [B, M, H', W']. */
export const conv2d = (x: Value, w: Value, b?: Value, options: ConvOptions = {}): Value =>
  convolve('conv2d', 2, x, w, b, options)

/**
 * Transposed convolution over time: what the gradient of a `conv1d` of these options does. x [B, C, T], w [C, M / groups, k],
 * b [M] -> [B, M, (T-1) stride - padding + dilation (k-1) + 1 + outputPadding] (Zeiler et al. 2010).
 */
export const convTranspose1d = (x: Value, w: Value, b?: Value, options: ConvTransposeOptions = {}): Value =>
  transposed('convTranspose1d', 1, x, w, b, options)

/** Transposed convolution over images, as `convTranspose1d`. x [B, C, H, W], w [C, M / groups, kh, kw], b [M] -> [B, M, H', W']. */
export const convTranspose2d = (x: Value, w: Value, b?: Value, options: ConvTransposeOptions = {}): Value =>
  transposed('convTranspose2d', 2, x, w, b, options)

function convolve(op: string, axes: number, x: Value, w: Value, b: Value | undefined, options: ConvOptions): Value {
  const { kernel: _, ...window } = windowOf(op, x, kernelOf(op, w, axes), options)
  return conv(x, w, b, { ...window, groups: options.groups ?? 1 })
}

function transposed(
  op: string,
  axes: number,
  x: Value,
  w: Value,
  b: Value | undefined,
  { outputPadding = 0, groups = 1, ...options }: ConvTransposeOptions,
): Value {
  const { kernel, ...window } = windowOf(op, x, kernelOf(op, w, axes), options)
  const extra = typeof outputPadding === 'number' ? kernel.map(() => outputPadding) : outputPadding
  if (extra.length !== axes || !extra.every((n, i) => Number.isInteger(n) && n >= 0 && n < window.strides[i]!))
    throw new GraphError(`the output padding must be less than the stride ${window.strides}, found ${outputPadding}`, {
      op,
      path: x.builder.path,
    })
  const size = spatial(x.shape).map((n, i) =>
    addDims(
      multiplyDims(window.strides[i]!, addDims(n, -1)),
      reachOf(kernel[i]!, window.dilations[i]!),
      extra[i]! - window.pads[i]! - window.pads[i + axes]!,
    ),
  )
  return convTranspose(x, w, b, size, { ...window, groups })
}

/** The spatial dims of a weight, which must be known. */
function kernelOf(op: string, w: Value, axes: number): number[] {
  const kernel = spatial(w.shape)
  if (kernel.length !== axes || !kernel.every((n) => typeof n === 'number'))
    throw new GraphError(`the weight must be [filters, channels, ${axes} known sizes]`, {
      op,
      path: w.builder.path,
      shapes: [w.shape],
    })
  return kernel as number[]
}

const operands = (x: Value, w: Value, b: Value | undefined) => (b ? [x, w, b] : [x, w])

/** The convolution over however many axes the weight has. */
export const conv = (x: Value, w: Value, b: Value | undefined, { strides, pads, dilations, groups }: Conv): Value =>
  apply('conv', operands(x, w, b), { strides, pads, dilations, groups })

/** The transposed convolution with an output of the given spatial size. */
export const convTranspose = (x: Value, w: Value, b: Value | undefined, size: Shape, attributes: Conv): Value => {
  const { strides, pads, dilations, groups } = attributes
  return apply('convTranspose', operands(x, w, b), { strides, pads, dilations, groups, size })
}

/** The gradient of a convolution with respect to its weight. x [B, C, …], dy [B, M, …'] -> [M, C / groups, …kernel]. */
export const convWeightGradient = (x: Value, dy: Value, kernel: Shape, attributes: Conv): Value => {
  const { strides, pads, dilations, groups } = attributes
  return apply('convWeightGradient', [x, dy], { strides, pads, dilations, groups, kernel })
}
