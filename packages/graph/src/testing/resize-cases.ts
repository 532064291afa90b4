import { padEdge, padReflect } from '../functions/padding.js'
import { type ResizeOptions, resize } from '../functions/resize.js'
import { type NdArray, nd, random } from './array.js'
import type { Case } from './case.js'

const nearest = (size: number, to: number) => (i: number) => [[Math.floor((i * size) / to), 1]] as const

const linear = (size: number, to: number, alignCorners: boolean) => (i: number) => {
  const place = alignCorners ? (i * (size - 1)) / Math.max(to - 1, 1) : ((i + 0.5) * size) / to - 0.5
  const within = (at: number) => Math.min(Math.max(at, 0), size - 1)
  const low = Math.floor(place)
  return [
    [within(low), low + 1 - place],
    [within(low + 1), place - low],
  ] as const
}

/** Images [1, 2, H, W], resized one axis after the other. */
function resizeCase(from: [number, number], to: [number, number], options: ResizeOptions, named = false): Case {
  const { mode = 'nearest', alignCorners = false } = options
  const [rows, columns] = [0, 1].map((axis) =>
    mode === 'nearest' ? nearest(from[axis]!, to[axis]!) : linear(from[axis]!, to[axis]!, alignCorners),
  )
  return {
    name: `resize of ${from} to ${to}, ${mode}${alignCorners ? ', corners aligned' : ''}${named ? ', named dims' : ''}`,
    inputs: [random([1, 2, ...from])],
    shapes: named ? [['B', 2, 'H', 'W']] : undefined,
    build: (x) => resize(x!, options),
    reference: (x) =>
      nd([1, 2, ...to], (_b, c, i, j) => {
        let total = 0
        for (const [row, a] of rows!(i!))
          for (const [column, b] of columns!(j!)) total += a * b * x!.at(0, c!, row, column)
        return total
      }),
  }
}

const border = (
  name: string,
  pad: typeof padEdge,
  [before, after]: [number, number],
  source: (at: number, size: number) => number,
): Case => ({
  name: `${name} with ${before} and ${after}`,
  inputs: [random([2, 4, 3])],
  shapes: [['B', 'T', 3]],
  build: (x) => pad(x!, 1, before, after),
  reference: (x: NdArray) => nd([2, 4 + before + after, 3], (b, t, c) => x.at(b!, source(t! - before, 4), c!)),
})

const mirrored = (at: number, size: number) => (at < 0 ? -at : at >= size ? 2 * size - 2 - at : at)
const clamped = (at: number, size: number) => Math.min(Math.max(at, 0), size - 1)

export const resizeCases: Case[] = [
  resizeCase([2, 3], [4, 9], { scale: [2, 3] }),
  resizeCase([2, 3], [4, 6], { scale: 2 }, true),
  resizeCase([4, 6], [6, 9], { scale: 1.5 }),
  resizeCase([5, 4], [3, 2], { size: [3, 2] }),
  resizeCase([2, 3], [4, 6], { scale: 2, mode: 'linear' }),
  resizeCase([3, 4], [5, 3], { size: [5, 3], mode: 'linear' }),
  resizeCase([3, 4], [5, 7], { size: [5, 7], mode: 'linear', alignCorners: true }),
  {
    name: 'resize of a sequence',
    inputs: [random([2, 1, 3])],
    shapes: [['B', 1, 'T']],
    build: (x) => resize(x!, { scale: 2 }),
    reference: (x) => nd([2, 1, 6], (b, _c, t) => x!.at(b!, 0, t! >> 1)),
  },
  border('padEdge', padEdge, [2, 3], clamped),
  border('padEdge', padEdge, [0, 1], clamped),
  border('padReflect', padReflect, [3, 2], mirrored),
  border('padReflect', padReflect, [1, 0], mirrored),
]
