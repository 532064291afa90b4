import type { Random } from '@volant/nn'
import { type Labelled, type Scale, sizeOf } from './labelled.js'

/** Random changes of training examples that keep their label. */
export interface Augmentation {
  /** Mirror left and right, every second time. */
  readonly flip?: boolean
  /** Largest shift in pixels, up or down and left or right; what comes in is blank. */
  readonly shift?: readonly [vertical: number, horizontal: number]
  /** Blank rectangles of these heights and widths, anywhere (cutout, DeVries and Taylor 2017; SpecAugment, Park et al. 2019). */
  readonly erase?: readonly (readonly [height: number, width: number])[]
}

/** The rows of a set as float32 [rows, channels, height, width], scaled; changed at random where an augmentation is given. */
export function scaledBatch(
  set: Labelled,
  rows: Int32Array,
  scale: Scale,
  augmented?: { readonly by: Augmentation; readonly random: Random },
): Float32Array {
  const [channels, height, width] = set.shape
  const area = height * width
  const batch = new Float32Array(rows.length * sizeOf(set))
  rows.forEach((row, place) => {
    const change = augmented && drawChange(augmented.by, set, augmented.random)
    for (let channel = 0; channel < channels; channel++) {
      const from = (row * channels + channel) * area
      const plane = batch.subarray((place * channels + channel) * area, (place * channels + channel + 1) * area)
      if (change) copyChanged(set, from, plane, change)
      else plane.set(set.values.subarray(from, from + area))
      const [mean, inverse] = [scale.mean[channel]!, 1 / scale.deviation[channel]!]
      for (let i = 0; i < area; i++) plane[i] = (plane[i]! - mean) * inverse
    }
  })
  return batch
}

interface Change {
  readonly flip: boolean
  readonly down: number
  readonly right: number
  readonly erased: readonly { top: number; left: number; height: number; width: number }[]
}

function drawChange({ flip = false, shift = [0, 0], erase = [] }: Augmentation, set: Labelled, random: Random): Change {
  const [, height, width] = set.shape
  const within = (limit: number) => random.integer(2 * limit + 1) - limit
  return {
    flip: flip && random.integer(2) === 1,
    down: within(shift[0]),
    right: within(shift[1]),
    erased: erase.map(([h, w]) => ({
      top: random.integer(height - h + 1),
      left: random.integer(width - w + 1),
      height: h,
      width: w,
    })),
  }
}

function copyChanged(set: Labelled, from: number, plane: Float32Array, { flip, down, right, erased }: Change): void {
  const [, height, width] = set.shape
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const [sourceY, shiftedX] = [y - down, x - right]
      const inside = sourceY >= 0 && sourceY < height && shiftedX >= 0 && shiftedX < width
      const sourceX = flip ? width - 1 - shiftedX : shiftedX
      plane[y * width + x] = inside ? set.values[from + sourceY * width + sourceX]! : set.blank
    }
  for (const { top, left, height: h, width: w } of erased)
    for (let y = top; y < top + h; y++) plane.fill(set.blank, y * width + left, y * width + left + w)
}
