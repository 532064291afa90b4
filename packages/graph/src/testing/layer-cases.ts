import * as f from '../functions/layers.js'
import { erf, flags, ids, largest, list, type NdArray, nd, random, scalar, softmaxOf, sum } from './array.js'
import type { Case } from './case.js'

const product = (a: NdArray, b: NdArray, i: number, j: number) => sum(b.dims[0]!, (k) => a.at(i, k) * b.at(k, j))

const gelu = (v: number) => (v / 2) * (1 + erf(v / Math.SQRT2))

interface Loss {
  weights?: boolean
  rowWeights?: boolean
  smoothing?: number
}

const crossEntropy = (labels: number[], { weights = false, rowWeights = false, smoothing = 0 }: Loss = {}): Case => ({
  name: `crossEntropy of labels ${labels}${weights ? ', class weights' : ''}${rowWeights ? ', row weights' : ''}, smoothing ${smoothing}`,
  inputs: [
    random([labels.length, 3]),
    ids(labels),
    ...(weights ? [list([0.5, 2, 1])] : []),
    ...(rowWeights ? [random([labels.length], 5, 0.1, 2)] : []),
  ],
  shapes: [['N', 3], ['N'], ...(weights ? [[3]] : []), ...(rowWeights ? [['N']] : [])],
  differentiate: [0],
  build: (z, y, ...w) => {
    const classWeights = weights ? w.shift() : undefined
    return f.crossEntropy(z!, y!, { weights: classWeights, rowWeights: w[0], smoothing })
  },
  reference: (z, y, ...w) => {
    const classWeights = weights ? w.shift() : undefined
    const n = labels.length
    const weight = (i: number) =>
      y!.at(i) < 0 ? 0 : (classWeights?.at(y!.at(i)) ?? 1) * (rowWeights ? w[0]!.at(i) : 1)
    const log = (i: number, c: number) => Math.log(softmaxOf(3, (k) => z!.at(i, k), c))
    const own = (i: number) =>
      (1 - smoothing) * log(i, Math.max(0, y!.at(i))) + (smoothing * sum(3, (c) => log(i, c))) / 3
    return scalar(-sum(n, (i) => weight(i) * own(i)) / (sum(n, weight) || 1))
  },
})

const binaryReference = (z: NdArray, t: NdArray, mask?: NdArray) => {
  const n = z.data.length
  const weight = (i: number) => (mask ? mask.data[i]! : 1)
  const one = (i: number) => {
    if (weight(i) === 0) return 0
    const p = 1 / (1 + Math.exp(-z.data[i]!))
    return -(t.data[i]! * Math.log(p) + (1 - t.data[i]!) * Math.log(1 - p))
  }
  return scalar(sum(n, (i) => weight(i) * one(i)) / (sum(n, weight) || 1))
}

const matMulCases: Case[] = [false, true].flatMap((transA) =>
  [false, true].flatMap((transB) =>
    [[], [2], [2, 3]].map((batch) => ({
      name: `matMul ${transA ? 'Aᵀ' : 'A'}${transB ? 'Bᵀ' : 'B'} in batches of [${batch}]`,
      inputs: [
        random([...batch, ...(transA ? [4, 3] : [3, 4])]),
        random([...batch.map((d, i) => (i === 0 ? d : 1)), ...(transB ? [2, 4] : [4, 2])], 2),
      ],
      build: (a, b) => f.matMul(a!, b!, { transA, transB, alpha: 0.5 }),
      reference: (a, b) =>
        nd([...batch, 3, 2], (...index) => {
          const lead = index.slice(0, -2)
          const [i, j] = index.slice(-2) as [number, number]
          const left = (k: number) => (transA ? a!.at(...lead, k, i) : a!.at(...lead, i, k))
          const right = (k: number) => (transB ? b!.at(...lead, j, k) : b!.at(...lead, k, j))
          return 0.5 * sum(4, (k) => left(k) * right(k))
        }),
    })),
  ),
)

export const layerCases: Case[] = [
  ...matMulCases,
  {
    name: 'matMul of a batch and one matrix',
    inputs: [random([2, 3, 4]), random([4, 2], 2)],
    shapes: [
      ['B', 'T', 4],
      [4, 2],
    ],
    build: (a, b) => f.matMul(a!, b!),
    reference: (a, b) => nd([2, 3, 2], (n, i, j) => sum(4, (k) => a!.at(n, i, k) * b!.at(k, j))),
  },
  {
    name: 'matMul of no rows',
    inputs: [random([0, 4]), random([4, 2], 2)],
    build: (a, b) => f.matMul(a!, b!),
    reference: () => nd([0, 2], () => 0),
  },
  {
    name: 'linear',
    inputs: [random([2, 3, 4]), random([4, 2], 2), random([2], 3)],
    shapes: [['B', 'T', 4], [4, 2], [2]],
    build: (x, w, b) => f.linear(x!, w!, b),
    reference: (x, w, b) => nd([2, 3, 2], (n, i, j) => b!.at(j) + sum(4, (k) => x!.at(n, i, k) * w!.at(k, j))),
  },
  {
    name: 'linear, scaled',
    inputs: [random([3, 4]), random([4, 2], 2), random([2], 3)],
    build: (x, w, b) => f.linear(x!, w!, b, { alpha: 2, beta: 0.5 }),
    reference: (x, w, b) => nd([3, 2], (i, j) => 0.5 * b!.at(j) + 2 * product(x!, w!, i, j)),
  },
  {
    name: 'linear without a bias',
    inputs: [random([1, 4]), random([4, 2], 2)],
    build: (x, w) => f.linear(x!, w!),
    reference: (x, w) => nd([1, 2], (i, j) => product(x!, w!, i, j)),
  },
  {
    name: 'feedForward',
    inputs: [random([2, 2, 3]), random([3, 4], 2, -1, 1), random([4], 3), random([4, 2], 4), random([2], 5)],
    shapes: [['B', 'T', 3], [3, 4], [4], [4, 2], [2]],
    build: (x, a, b, c, d) => f.feedForward(x!, a!, b!, c!, d!),
    reference: (x, w1, b1, w2, b2) =>
      nd([2, 2, 2], (n, t, j) => {
        const hidden = (h: number) => gelu(b1!.at(h) + sum(3, (k) => x!.at(n, t, k) * w1!.at(k, h)))
        return b2!.at(j) + sum(4, (h) => hidden(h) * w2!.at(h, j))
      }),
  },
  {
    name: 'feedForward without biases',
    inputs: [random([3, 3]), random([3, 4], 2, -1, 1), random([4, 2], 4)],
    shapes: [
      ['N', 3],
      [3, 4],
      [4, 2],
    ],
    build: (x, a, b) => f.feedForward(x!, a!, undefined, b!, undefined),
    reference: (x, w1, w2) =>
      nd([3, 2], (n, j) => sum(4, (h) => gelu(sum(3, (k) => x!.at(n, k) * w1!.at(k, h))) * w2!.at(h, j))),
  },
  {
    name: 'softmax',
    inputs: [random([2, 3, 4])],
    build: (x) => f.softmax(x!),
    reference: (x) => nd([2, 3, 4], (i, j, k) => softmaxOf(4, (n) => x!.at(i, j, n), k)),
  },
  {
    name: 'softmax over the middle axis',
    inputs: [random([2, 3, 4])],
    build: (x) => f.softmax(x!, 1),
    reference: (x) => nd([2, 3, 4], (i, j, k) => softmaxOf(3, (n) => x!.at(i, n, k), j)),
  },
  {
    name: 'softmax of large numbers',
    inputs: [list([1e4, 1e4 - 1, -1e4], [1, 3])],
    differentiate: [],
    build: (x) => f.softmax(x!),
    reference: (x) => nd([1, 3], (i, k) => softmaxOf(3, (n) => x!.at(i, n), k)),
  },
  {
    name: 'logSoftmax',
    inputs: [random([3, 4])],
    build: (x) => f.logSoftmax(x!),
    reference: (x) => nd([3, 4], (i, k) => Math.log(softmaxOf(4, (n) => x!.at(i, n), k))),
  },
  ...[1e-5, 0.5].map(
    (eps): Case => ({
      name: `layerNorm, eps ${eps}`,
      inputs: [random([2, 3, 5]), random([5], 2), random([5], 3)],
      shapes: [['B', 'T', 5], [5], [5]],
      build: (x, gamma, beta) => f.layerNorm(x!, gamma!, beta!, eps),
      reference: (x, gamma, beta) =>
        nd([2, 3, 5], (i, j, k) => {
          const mean = sum(5, (n) => x!.at(i, j, n)) / 5
          const variance = sum(5, (n) => (x!.at(i, j, n) - mean) ** 2) / 5
          return ((x!.at(i, j, k) - mean) / Math.sqrt(variance + eps)) * gamma!.at(k) + beta!.at(k)
        }),
    }),
  ),
  {
    name: 'maxOverTime',
    inputs: [random([2, 3, 4])],
    build: (x) => f.maxOverTime(x!),
    reference: (x) => nd([2, 4], (b, c) => largest(3, (t) => x!.at(b, t, c))),
  },
  {
    name: 'maxOverTime with a mask; all masked gives 0',
    inputs: [random([3, 2, 4]), flags([1, 1, 1, 0, 0, 0], [3, 2])],
    shapes: [
      ['B', 'T', 4],
      ['B', 'T'],
    ],
    build: (x, mask) => f.maxOverTime(x!, mask),
    reference: (x, mask) =>
      nd([3, 4], (b, c) =>
        b === 2 ? 0 : largest(2, (t) => (mask!.at(b, t) ? x!.at(b, t, c) : Number.NEGATIVE_INFINITY)),
      ),
  },
  {
    name: 'embeddingBag',
    inputs: [random([4, 3]), ids([0, 3, 3, 1, 1, 0], [2, 3]), list([1, 0.5, 2, -1, 0, 0], [2, 3])],
    shapes: [
      ['U', 3],
      ['B', 'n'],
      ['B', 'n'],
    ],
    build: (rows, index, weights) => f.embeddingBag(rows!, index!, weights!),
    reference: (rows, index, weights) =>
      nd([2, 3], (b, h) => sum(3, (j) => weights!.at(b, j) * rows!.at(index!.at(b, j), h))),
  },
  crossEntropy([0, 2, 1, 1]),
  crossEntropy([0, -1, 1, -7], { smoothing: 0.1 }),
  crossEntropy([2, 0, -1], { weights: true }),
  crossEntropy([2, 0, -1], { weights: true, rowWeights: true, smoothing: 0.2 }),
  crossEntropy([1, 0], { rowWeights: true }),
  crossEntropy([-1, -1]),
  {
    name: 'binaryCrossEntropy',
    inputs: [random([2, 3], 1, -4, 4), random([2, 3], 2, 0, 1)],
    shapes: [
      ['N', 3],
      ['N', 3],
    ],
    build: (z, t) => f.binaryCrossEntropy(z!, t!),
    reference: (z, t) => binaryReference(z!, t!),
  },
  {
    name: 'binaryCrossEntropy with a mask over missing targets',
    inputs: [random([4], 1), list([1, Number.NaN, 0, 1]), list([1, 0, 2, 0.5])],
    differentiate: [0],
    build: (z, t, mask) => f.binaryCrossEntropy(z!, t!, { mask }),
    reference: (z, t, mask) => binaryReference(z!, t!, mask),
  },
  {
    name: 'binaryCrossEntropy, all masked',
    inputs: [random([2], 1), list([1, 0]), list([0, 0])],
    differentiate: [0],
    build: (z, t, mask) => f.binaryCrossEntropy(z!, t!, { mask }),
    reference: () => scalar(0),
  },
]
