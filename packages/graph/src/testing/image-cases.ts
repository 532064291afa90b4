import * as c from '../functions/convolution.js'
import * as p from '../functions/pooling.js'
import { ids, largest, nd, random, sum } from './array.js'
import type { Case } from './case.js'

/** Every index of a box, in row-major order. */
export const places = (dims: readonly number[]): number[][] =>
  dims.reduce<number[][]>((all, d) => all.flatMap((at) => Array.from({ length: d }, (_, i) => [...at, i])), [[]])

const sumOver = (dims: readonly number[], term: (at: number[]) => number) =>
  places(dims).reduce((total, at) => total + term(at), 0)

const isInside = (at: readonly number[], dims: readonly number[]) => at.every((i, axis) => i >= 0 && i < dims[axis]!)

/** Padding of each axis, before and after it; a number stands for both. */
type Padding = readonly (number | readonly [before: number, after: number])[]

const pairs = (padding: Padding) => padding.map((n): [number, number] => (typeof n === 'number' ? [n, n] : [...n]))

interface ConvCase {
  size: number[]
  kernel: number[]
  stride?: number[]
  padding?: Padding
  dilation?: number[]
  groups?: number
  /** Channels and filters of a group. */
  channels?: number
  filters?: number
}

/** A convolution and its two gradients, each against loops over all places. */
function convCases({ size, kernel, groups = 1, channels = 3, filters = 2, ...window }: ConvCase): Case[] {
  const stride = window.stride ?? size.map(() => 1)
  const dilation = window.dilation ?? size.map(() => 1)
  const padding = pairs(window.padding ?? size.map(() => 0))
  const [C, M] = [channels * groups, filters * groups]
  const counts = size.map((length, i) => {
    const padded = length + padding[i]![0] + padding[i]![1]
    return Math.floor((padded - dilation[i]! * (kernel[i]! - 1) - 1) / stride[i]!) + 1
  })
  const attributes = {
    strides: stride,
    dilations: dilation,
    pads: [...padding.map(([before]) => before), ...padding.map(([, after]) => after)],
    groups,
  }
  const source = (at: number[], tap: number[]) =>
    at.map((t, i) => t * stride[i]! + tap[i]! * dilation[i]! - padding[i]![0])
  const x = random([2, C, ...size], 1)
  const w = random([M, channels, ...kernel], 2)
  const dy = random([2, M, ...counts], 3)
  const names = ['H', 'W'].slice(-size.length)
  const label = `of ${size} by ${kernel}, stride ${stride}, padding ${padding.join(' ')}, dilation ${dilation}, groups ${groups}`
  const options = { stride, dilation, padding, groups }
  const convolve = size.length === 1 ? c.conv1d : c.conv2d
  const tolerance = 1e-4
  return [
    {
      tolerance,
      name: `conv ${label}`,
      inputs: [x, w, random([M], 4)],
      shapes: [['B', C, ...names], w.dims, [M]],
      build: (a, b, bias) => convolve(a!, b!, bias, options),
      reference: (a, b, bias) =>
        nd([2, M, ...counts], (image, m, ...at) => {
          const first = Math.floor(m! / filters) * channels
          const seen = (i: number, tap: number[]) =>
            isInside(source(at, tap), size) ? a!.at(image!, first + i, ...source(at, tap)) : 0
          return bias!.at(m!) + sum(channels, (i) => sumOver(kernel, (tap) => b!.at(m!, i, ...tap) * seen(i, tap)))
        }),
    },
    {
      tolerance,
      name: `convTranspose ${label}`,
      inputs: [dy, w, random([C], 5)],
      build: (a, b, bias) => c.convTranspose(a!, b!, bias, size, attributes),
      reference: (a, b, bias) =>
        nd([2, C, ...size], (image, i, ...at) => {
          const group = Math.floor(i! / channels)
          const reaches = (from: number[], tap: number[]) => source(from, tap).every((s, axis) => s === at[axis])
          return (
            bias!.at(i!) +
            sumOver(counts, (from) =>
              sumOver(kernel, (tap) =>
                reaches(from, tap)
                  ? sum(filters, (m) => {
                      const filter = group * filters + m
                      return a!.at(image!, filter, ...from) * b!.at(filter, i! % channels, ...tap)
                    })
                  : 0,
              ),
            )
          )
        }),
    },
    {
      tolerance,
      name: `convWeightGradient ${label}`,
      inputs: [x, dy],
      build: (a, b) => c.convWeightGradient(a!, b!, kernel, attributes),
      reference: (a, b) =>
        nd([M, channels, ...kernel], (m, i, ...tap) => {
          const channel = Math.floor(m! / filters) * channels + i!
          return sumOver([2, ...counts], ([image, ...at]) =>
            isInside(source(at, tap), size) ? a!.at(image!, channel, ...source(at, tap)) * b!.at(image!, m!, ...at) : 0,
          )
        }),
    },
  ]
}

interface PoolCase {
  size: number[]
  kernel: number[]
  stride?: number[]
  padding?: Padding
  dilation?: number[]
  countPadding?: boolean
}

function poolCase(kind: 'max' | 'average', { size, kernel, countPadding, ...window }: PoolCase): Case {
  const stride = window.stride ?? kernel
  const padding = pairs(window.padding ?? size.map(() => 0))
  const dilation = window.dilation ?? size.map(() => 1)
  const counts = size.map((length, i) => {
    const reach = dilation[i]! * (kernel[i]! - 1) + 1
    return Math.floor((length + padding[i]![0] + padding[i]![1] - reach) / stride[i]!) + 1
  })
  const options = { stride, padding, ...(kind === 'max' ? { dilation } : { countPadding }) }
  const pool = { max: [p.maxPool1d, p.maxPool2d], average: [p.averagePool1d, p.averagePool2d] }[kind][size.length - 1]!
  return {
    name: `${kind} pool of ${size} by ${kernel}, stride ${stride}, padding ${padding.join(' ')}, dilation ${dilation}, counted ${countPadding}`,
    inputs: [random([2, 3, ...size])],
    shapes: [['B', 3, ...['H', 'W'].slice(-size.length)]],
    build: (x) => pool(x!, kernel, options),
    reference: (x) =>
      nd([2, 3, ...counts], (image, channel, ...at) => {
        const seen = places(kernel)
          .map((tap) => at.map((t, i) => t * stride[i]! + tap[i]! * dilation[i]! - padding[i]![0]))
          .filter((place) => isInside(place, size))
          .map((place) => x!.at(image!, channel!, ...place))
        if (kind === 'max') return Math.max(...seen)
        const count = (countPadding ?? true) ? kernel.reduce((a, b) => a * b) : seen.length
        return seen.reduce((a, b) => a + b, 0) / count
      }),
  }
}

/** Windows of 3 side by side, one place padded before. */
const overEndCase = (size: number, count: number): Case => ({
  name: `max pool of ${size} over the end`,
  inputs: [random([2, 1, size])],
  build: (x) => p.maxPool1d(x!, 3, { stride: 3, padding: [[1, 0]], ceil: true }),
  reference: (x) =>
    nd([2, 1, count], (b, c, t) =>
      Math.max(
        ...[-1, 0, 1]
          .map((k) => 3 * t! + k)
          .filter((at) => at >= 0 && at < size)
          .map((at) => x!.at(b!, c!, at)),
      ),
    ),
})

/** Two images of one channel, [2, 1, 2, 1] of them pooled from [2, 1, 2, 4]. */
const unpoolCase = (name: string, strides: number[], origins: number[]): Case => ({
  name: `maxUnpool of windows ${name}`,
  inputs: [random([2, 1, 1, 2]), ids(origins, [2, 1, 1, 2])],
  build: (dy, at) => {
    const window = { kernel: [2, 2], strides, pads: [0, 0, 0, 0], dilations: [1, 1] }
    return p.maxUnpool(dy!, at!, [2, 4], window)
  },
  reference: (dy, at) =>
    nd([2, 1, 2, 4], (b, _c, i, j) => sum(4, (k) => (at!.data[k] === b! * 8 + i! * 4 + j! ? dy!.data[k]! : 0))),
})

function adaptiveCase(kind: 'max' | 'average', size: number[], parts: number[]): Case {
  const pool = kind === 'max' ? p.adaptiveMaxPool : p.adaptiveAveragePool
  return {
    name: `adaptive ${kind} pool of ${size} to ${parts}`,
    inputs: [random([2, 2, ...size])],
    build: (x) => pool(x!, parts),
    reference: (x) =>
      nd([2, 2, ...parts], (image, channel, ...at) => {
        const start = at.map((i, axis) => Math.floor((i * size[axis]!) / parts[axis]!))
        const end = at.map((i, axis) => Math.ceil(((i + 1) * size[axis]!) / parts[axis]!))
        const dims = end.map((e, axis) => e - start[axis]!)
        const seen = places(dims).map((tap) => x!.at(image!, channel!, ...tap.map((j, axis) => start[axis]! + j)))
        return kind === 'max' ? Math.max(...seen) : seen.reduce((a, b) => a + b) / seen.length
      }),
  }
}

export const imageCases: Case[] = [
  ...convCases({ size: [5], kernel: [3] }),
  ...convCases({ size: [4], kernel: [2], channels: 5 }),
  ...convCases({ size: [3, 4], kernel: [2, 3], stride: [1, 2], groups: 2, channels: 5, filters: 1 }),
  ...convCases({ size: [7], kernel: [3], padding: [1], stride: [2] }),
  ...convCases({ size: [8], kernel: [3], padding: [1], stride: [2] }),
  ...convCases({ size: [7], kernel: [2], dilation: [3], padding: [2] }),
  ...convCases({ size: [4], kernel: [1], stride: [3] }),
  ...convCases({ size: [6], kernel: [3], padding: [[2, 0]], groups: 2 }),
  ...convCases({ size: [4, 5], kernel: [3, 3], padding: [1, 1] }),
  ...convCases({
    size: [5, 4],
    kernel: [3, 2],
    padding: [
      [0, 1],
      [2, 0],
    ],
  }),
  ...convCases({ size: [6, 5], kernel: [3, 3], padding: [1, 1], stride: [2, 2], channels: 1 }),
  ...convCases({ size: [6, 7], kernel: [2, 3], stride: [2, 1], dilation: [1, 2], padding: [0, [1, 2]] }),
  ...convCases({ size: [4, 4], kernel: [1, 1], stride: [2, 2] }),
  ...convCases({ size: [4, 3], kernel: [1, 1] }),
  ...convCases({ size: [4, 4], kernel: [3, 3], padding: [1, 1], groups: 2 }),
  ...convCases({ size: [4, 5], kernel: [3, 3], padding: [1, 1], groups: 3, channels: 1, filters: 1 }),
  ...convCases({ size: [5, 5], kernel: [3, 3], padding: [1, 1], stride: [2, 2], groups: 3, channels: 1, filters: 1 }),
  ...convCases({ size: [4, 4], kernel: [3, 3], padding: [2, 2], dilation: [2, 2], groups: 2, channels: 1, filters: 2 }),
  {
    name: "conv2d with padding 'same' and a stride",
    inputs: [random([1, 1, 5, 4]), random([1, 1, 2, 2], 2)],
    build: (x, w) => c.conv2d(x!, w!, undefined, { padding: 'same', stride: 2 }),
    reference: (x, w) =>
      nd([1, 1, 3, 2], (_b, _m, i, j) =>
        sumOver([2, 2], ([u, v]) => {
          const at = [i! * 2 + u!, j! * 2 + v!]
          return isInside(at, [5, 4]) ? w!.at(0, 0, u!, v!) * x!.at(0, 0, ...at) : 0
        }),
      ),
  },
  {
    name: "conv1d with padding 'same' of an unknown length",
    inputs: [random([1, 1, 5]), random([1, 1, 2], 2)],
    shapes: [
      ['B', 1, 'T'],
      [1, 1, 2],
    ],
    build: (x, w) => c.conv1d(x!, w!, undefined, { padding: 'same' }),
    reference: (x, w) =>
      nd(
        [1, 1, 5],
        (_b, _m, t) => w!.at(0, 0, 0) * x!.at(0, 0, t!) + (t! < 4 ? w!.at(0, 0, 1) * x!.at(0, 0, t! + 1) : 0),
      ),
  },
  {
    name: 'convTranspose1d doubling a named length',
    inputs: [random([2, 2, 4]), random([2, 3, 3], 2), random([3], 3)],
    shapes: [['B', 2, 'T'], [2, 3, 3], [3]],
    tolerance: 5e-5,
    build: (x, w, b) => c.convTranspose1d(x!, w!, b, { stride: 2, padding: 1, outputPadding: 1 }),
    reference: (x, w, b) =>
      nd([2, 3, 8], (image, m, at) => {
        const taps = sum(3, (j) => {
          const t = (at! + 1 - j) / 2
          return Number.isInteger(t) && t >= 0 && t < 4 ? sum(2, (i) => x!.at(image!, i, t) * w!.at(i, m!, j)) : 0
        })
        return b!.at(m!) + taps
      }),
  },
  {
    name: 'convTranspose2d in groups',
    inputs: [random([1, 2, 2, 2]), random([2, 1, 2, 2], 2)],
    build: (x, w) => c.convTranspose2d(x!, w!, undefined, { stride: 2, groups: 2 }),
    reference: (x, w) =>
      nd([1, 2, 4, 4], (_b, m, i, j) => x!.at(0, m!, i! >> 1, j! >> 1) * w!.at(m!, 0, i! % 2, j! % 2)),
  },
  poolCase('max', { size: [6], kernel: [2] }),
  poolCase('max', { size: [7], kernel: [3], stride: [1], padding: [1] }),
  poolCase('max', { size: [4, 6], kernel: [2, 2] }),
  poolCase('max', { size: [5, 7], kernel: [2, 3] }),
  poolCase('max', { size: [5, 6], kernel: [3, 3], stride: [2, 2], padding: [1, [1, 0]] }),
  poolCase('max', {
    size: [6, 5],
    kernel: [2, 2],
    stride: [3, 3],
    padding: [
      [1, 0],
      [0, 1],
    ],
  }),
  poolCase('max', { size: [6, 6], kernel: [2, 2], stride: [1, 2], dilation: [2, 3] }),
  poolCase('average', { size: [6], kernel: [3] }),
  poolCase('average', { size: [7], kernel: [3], stride: [2], padding: [1] }),
  poolCase('average', { size: [4, 6], kernel: [2, 2] }),
  poolCase('average', { size: [5, 7], kernel: [2, 3] }),
  poolCase('average', { size: [5, 6], kernel: [3, 3], stride: [2, 1], padding: [1, [1, 0]], countPadding: false }),
  poolCase('average', { size: [5, 6], kernel: [3, 3], stride: [1, 2], padding: [1, 1] }),
  unpoolCase('apart', [2, 2], [0, 7, 9, 14]),
  unpoolCase('overlapping', [1, 2], [4, 5, 5, 9]),
  adaptiveCase('average', [6, 7], [3, 3]),
  adaptiveCase('average', [5], [5]),
  adaptiveCase('max', [6, 5], [1, 2]),
  overEndCase(4, 2),
  overEndCase(5, 2),
  overEndCase(6, 3),
  ...[p.globalAveragePool, p.globalMaxPool].map(
    (pool, isMax): Case => ({
      name: `${isMax ? 'max' : 'average'} over all places`,
      inputs: [random([2, 3, 2, 4])],
      shapes: [['B', 3, 'H', 'W']],
      build: (x) => pool(x!),
      reference: (x) => {
        const at = (b: number, ch: number) => (i: number) => x!.at(b, ch, Math.floor(i / 4), i % 4)
        return nd([2, 3], (b, ch) => (isMax ? largest(8, at(b, ch)) : sum(8, at(b, ch)) / 8))
      },
    }),
  ),
]
