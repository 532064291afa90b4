import { addDims, type Dim, floorDivideDims, multiplyDims, type Shape, subtractDims } from '../dims.js'
import type { ValueInfo } from '../graph.js'
import { RuleViolation } from '../rule.js'

/** How a kernel moves over the axes after batch and channels: a number an axis, `pads` all those before, then all after. */
export interface Window {
  strides: readonly number[]
  pads: readonly number[]
  dilations: readonly number[]
}

export interface Kernel extends Window {
  kernel: readonly number[]
}

export interface Conv extends Window {
  groups: number
}

export interface AveragePool extends Kernel {
  /** Whether padded zeros count as elements. */
  countPadding: boolean
}

export const onnxWindow = ({ strides, pads, dilations }: Window) => ({ strides, pads, dilations })

/** The spatial axes: all but batch and channels. */
export const spatial = (shape: Shape): Shape => shape.slice(2)

/** Elements that a kernel of k spans: d (k-1) + 1. */
export const reachOf = (k: Dim, dilation: number): Dim => addDims(multiplyDims(dilation, addDims(k, -1)), 1)

/** n' = ⌊(n + before + after - d (k-1) - 1) / s⌋ + 1 for each axis. */
export function windowCounts(sizes: Shape, kernel: readonly Dim[], { strides, pads, dilations }: Window): Dim[] {
  return sizes.map((size, i) => {
    const padded = addDims(size, pads[i]!, pads[i + sizes.length]!)
    const room = subtractDims(padded, reachOf(kernel[i]!, dilations[i]!))
    if (typeof room === 'number' && room < 0)
      throw new RuleViolation(
        `a kernel of ${kernel.join('×')} is larger than the padded input, axis ${i + 2} of ${padded}`,
      )
    return addDims(floorDivideDims(room, strides[i]!), 1)
  })
}

/** Strides and dilations are at least 1, pads at least 0, and there is one for each spatial axis. */
export function requireWindow(x: ValueInfo, { strides, pads, dilations }: Window): void {
  const axes = x.shape.length - 2
  if (axes < 1) throw new RuleViolation('the input must be [batch, channels, one or more axes]')
  const fits = strides.length === axes && dilations.length === axes && pads.length === 2 * axes
  if (!fits) throw new RuleViolation(`strides, dilations and padding are not for ${axes} axes`)
  if (![...strides, ...dilations].every((n) => n >= 1) || !pads.every((n) => n >= 0))
    throw new RuleViolation('strides and dilations must be at least 1, padding at least 0')
}
