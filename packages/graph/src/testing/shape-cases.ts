import { add, mul } from '../functions/elementwise.js'
import * as r from '../functions/reductions.js'
import * as f from '../functions/shape.js'
import type { Value } from '../graph.js'
import { ids, largest, list, type NdArray, nd, random, sum } from './array.js'
import type { Case } from './case.js'

const x234 = random([2, 3, 4])

type Fold = (n: number, term: (i: number) => number) => number

const reduction = (
  name: string,
  build: (x: Value, axes?: number | number[], keepDims?: boolean) => Value,
  fold: Fold,
): Case[] => [
  {
    name: `${name} over the last axis`,
    inputs: [x234],
    build: (x) => build(x, -1),
    reference: (x) => nd([2, 3], (i, j) => fold(4, (k) => x.at(i, j, k))),
  },
  {
    name: `${name} over two axes, kept, named dims`,
    inputs: [x234],
    shapes: [['B', 'T', 4]],
    build: (x) => build(x, [0, 1], true),
    reference: (x) => nd([1, 1, 4], (_a, _b, k) => fold(6, (i) => x.at(Math.floor(i / 3), i % 3, k))),
  },
  {
    name: `${name} over the rows of a matrix`,
    inputs: [random([5, 3])],
    shapes: [['N', 3]],
    build: (x) => build(x, 0),
    reference: (x) => nd([3], (j) => fold(5, (i) => x.at(i, j))),
  },
  {
    name: `${name} over everything`,
    inputs: [random([2, 3])],
    build: (x) => build(x),
    reference: (x) => nd([], () => fold(6, (i) => x.data[i]!)),
  },
  {
    name: `${name} of a scalar`,
    inputs: [random([])],
    build: (x) => build(x),
    reference: (x) => nd([], () => fold(1, () => x.at())),
  },
]

const product: Fold = (n, term) => {
  let total = 1
  for (let i = 0; i < n; i++) total *= term(i)
  return total
}

const varianceOf: Fold = (n, term) => {
  const mean = sum(n, term) / n
  return sum(n, (i) => (term(i) - mean) ** 2) / n
}

const move = (
  name: string,
  inputs: NdArray[],
  build: Case['build'],
  reference: Case['reference'],
  shapes?: Case['shapes'],
): Case => ({
  name,
  inputs,
  build,
  reference,
  shapes,
})

export const shapeCases: Case[] = [
  ...reduction('reduceSum', r.reduceSum, sum),
  ...reduction('reduceMean', r.reduceMean, (n, term) => sum(n, term) / n),
  ...reduction('reduceMax', r.reduceMax, largest),
  ...reduction('reduceMin', r.reduceMin, (n, term) => -largest(n, (i) => -term(i))),
  ...reduction('reduceProduct', r.reduceProduct, product),
  ...reduction('logSumExp', r.logSumExp, (n, term) => Math.log(sum(n, (i) => Math.exp(term(i))))),
  ...reduction('variance', r.variance, (n, term) => varianceOf(n, term)),
  move(
    'variance of a sample of unknown size',
    [random([4, 3])],
    (x) => r.variance(x, 0, false, 1),
    (x) => nd([3], (j) => (varianceOf(4, (i) => x.at(i, j)) * 4) / 3),
    [['N', 3]],
  ),
  move(
    'standardDeviation',
    [random([2, 4])],
    (x) => r.standardDeviation(x, 1, true, 1),
    (x) => nd([2, 1], (i) => Math.sqrt((varianceOf(4, (j) => x.at(i, j)) * 4) / 3)),
  ),
  move(
    'logSumExp of large numbers',
    [list([200, 201, -200])],
    (x) => r.logSumExp(x),
    (x) => nd([], () => 200 + Math.log(sum(3, (i) => Math.exp(x.at(i) - 200)))),
  ),
  move(
    'reduceProduct with none, one and two zeros',
    [list([2, 3, -1, 0, 4, 5, 0, 2, 0], [3, 3])],
    (x) => r.reduceProduct(x, 1),
    (x) => nd([3], (i) => product(3, (j) => x.at(i, j))),
  ),
  move(
    'argMin',
    [list([1, 5, 1, 7, 7, 0], [2, 3])],
    (x) => r.argMin(x, 1),
    () => ids([0, 2]),
  ),
  ...[false, true].flatMap((exclusive) =>
    [false, true].map((reverse) =>
      move(
        `cumSum${exclusive ? ', exclusive' : ''}${reverse ? ', from the end' : ''}`,
        [random([2, 4, 3])],
        (x) => r.cumSum(x, 1, { exclusive, reverse }),
        (x) =>
          nd([2, 4, 3], (b, t, c) => {
            const counts = (i: number) => (reverse ? i >= t : i <= t) && !(exclusive && i === t)
            return sum(4, (i) => (counts(i) ? x.at(b, i, c) : 0))
          }),
        [['B', 'T', 3]],
      ),
    ),
  ),
  ...reduction('reduceSumSquare', r.reduceSumSquare, (n, term) => sum(n, (i) => term(i) ** 2)),
  move(
    'reduceSum of nothing',
    [random([0, 3])],
    (x) => r.reduceSum(x, 0),
    () => nd([3], () => 0),
  ),
  move(
    'argMax',
    [list([1, 5, 2, 7, 7, 0], [2, 3])],
    (x) => r.argMax(x, 1),
    () => ids([1, 0]),
  ),
  move(
    'topK values',
    [random([2, 5])],
    (x) => r.topK(x, 2).values,
    (x) => nd([2, 2], (i, j) => [...x.data.slice(i * 5, i * 5 + 5)].sort((a, b) => b - a)[j]!),
  ),
  move(
    'topK values of another axis, smallest',
    [random([5, 2])],
    (x) => r.topK(x, 2, { axis: 0, largest: false }).values,
    (x) => nd([2, 2], (i, j) => [0, 1, 2, 3, 4].map((k) => x.at(k, j!)).sort((a, b) => a - b)[i!]!),
  ),
  move(
    'topK indices',
    [list([1, 5, 2, 7], [1, 4])],
    (x) => r.topK(x, 3).indices,
    () => ids([3, 1, 2], [1, 3]),
  ),

  move(
    'reshape',
    [x234],
    (x) => f.reshape(x, [4, -1]),
    (x) => nd([4, 6], (i, j) => x.data[i * 6 + j]!),
  ),
  move(
    'reshape with names',
    [x234],
    (x) => f.reshape(x, ['B*T', 4]),
    (x) => nd([6, 4], (i, j) => x.data[i * 4 + j]!),
    [['B', 'T', 4]],
  ),
  move(
    'reshape back to two names',
    [x234],
    (x) => f.reshape(f.reshape(x, ['B*T', 4]), ['B', 'T', 2, 2]),
    (x) => nd([2, 3, 2, 2], (i, j, k, l) => x.at(i, j, k * 2 + l)),
    [['B', 'T', 4]],
  ),
  move(
    'reshape of nothing',
    [random([0, 4])],
    (x) => f.reshape(x, [2, 0, 2]),
    () => nd([2, 0, 2], () => 0),
  ),
  move(
    'squeeze and unsqueeze',
    [random([2, 1, 3])],
    (x) => f.unsqueeze(f.squeeze(x, 1), [0, -1]),
    (x) => nd([1, 2, 3, 1], (_a, i, j) => x.at(i, 0, j)),
  ),
  move(
    'transpose',
    [x234],
    (x) => f.transpose(x, [2, 0, 1]),
    (x) => nd([4, 2, 3], (k, i, j) => x.at(i, j, k)),
  ),
  move(
    'concat',
    [random([2, 1]), random([2, 3], 2)],
    (a, b) => f.concat([a, b, a], 1),
    (a, b) => nd([2, 5], (i, j) => (j === 0 || j === 4 ? a.at(i, 0) : b.at(i, j - 1))),
  ),
  move(
    'slice',
    [x234],
    (x) => f.slice(x, { axis: 1, start: 1 }),
    (x) => nd([2, 2, 4], (i, j, k) => x.at(i, j + 1, k)),
  ),
  move(
    'slice from the end, named dims',
    [x234],
    (x) => f.slice(x, { axis: 1, start: 1, end: -1 }),
    (x) => nd([2, 1, 4], (i, _j, k) => x.at(i, 1, k)),
    [['B', 'T', 4]],
  ),
  move(
    'flip, named dims',
    [x234],
    (x) => f.flip(x, 1),
    (x) => nd([2, 3, 4], (i, j, k) => x.at(i, 2 - j, k)),
    [['B', 'T', 4]],
  ),
  move(
    'slice by steps',
    [random([2, 7])],
    (x) => f.slice(x, { axis: 1, start: 1, end: 6, step: 2 }),
    (x) => nd([2, 3], (i, j) => x.at(i, 1 + 2 * j)),
  ),
  move(
    'slice by steps of a named dim',
    [random([2, 7])],
    (x) => f.slice(x, { axis: 1, step: 3 }),
    (x) => nd([2, 3], (i, j) => x.at(i, 3 * j)),
    [[2, 'T']],
  ),
  move(
    'split',
    [random([2, 6])],
    (x) => {
      const [a, b, c] = f.split(x, [1, 3, 2], 1)
      return f.concat([c!, mul(b!, b!), a!], 1)
    },
    (x) => nd([2, 6], (i, j) => (j < 2 ? x.at(i, j + 4) : j < 5 ? x.at(i, j - 1) ** 2 : x.at(i, 0))),
  ),
  move(
    'split, one part used',
    [random([2, 6])],
    (x) => f.split(x, [2, 4], 1)[1]!,
    (x) => nd([2, 4], (i, j) => x.at(i, j + 2)),
  ),
  move(
    'expand',
    [random([3, 1])],
    (x) => f.expand(x, [2, 3, 4]),
    (x) => nd([2, 3, 4], (_a, i) => x.at(i, 0)),
  ),
  move(
    'expand to a named dim',
    [random([1, 3]), random([2, 5])],
    (x, y) => f.expand(x, y.shape.slice(0, 1).concat(3)),
    (x) => nd([2, 3], (_i, j) => x.at(0, j)),
    [
      [1, 3],
      ['B', 5],
    ],
  ),
  move(
    'pad',
    [random([2, 3])],
    (x) => f.pad(x, 1, 1, 2, 7),
    (x) => nd([2, 6], (i, j) => (j > 0 && j < 4 ? x.at(i, j - 1) : 7)),
  ),
  move('shapeOf', [random([2, 3])], f.shapeOf, () => ids([2, 3]), [['B', 'T']]),
  move(
    'dimension of a product',
    [random([2, 3])],
    (x) => f.dimension(x.builder, '2*B*T+1'),
    () => ids([13], []),
    [['B', 'T']],
  ),
  move(
    'range',
    [random([2, 3])],
    (x) => f.range(x.builder, 'T'),
    () => ids([0, 1, 2]),
    [['B', 'T']],
  ),
  move(
    'fill',
    [random([2, 3])],
    (x) => add(x, f.fill(x.builder, ['B', 'T'], 2)),
    (x) => nd([2, 3], (i, j) => x.at(i, j) + 2),
    [['B', 'T']],
  ),

  move(
    'gather',
    [random([4, 3]), ids([1, 3, 1, 0], [2, 2])],
    (t, i) => f.gather(t, i),
    (t, i) => nd([2, 2, 3], (a, b, c) => t.at(i.at(a, b), c)),
  ),
  move(
    'gather along axis 1',
    [random([2, 4, 3]), ids([3, 0, 3])],
    (t, i) => f.gather(t, i, 1),
    (t, i) => nd([2, 3, 3], (a, b, c) => t.at(a, i.at(b), c)),
  ),
  move(
    'gather nothing',
    [random([4, 3]), ids([], [0])],
    (t, i) => f.gather(t, i),
    () => nd([0, 3], () => 0),
  ),
  move(
    'gatherElements',
    [random([3, 4]), ids([0, 2, 1, 1, 0, 2, 2, 2], [2, 4])],
    (x, i) => f.gatherElements(x, i, 0),
    (x, i) => nd([2, 4], (a, b) => x.at(i.at(a, b), b)),
  ),
  move(
    'scatterAdd, repeated ids',
    [random([2, 3, 2]), ids([1, 1, 4, 0, 1, 4], [2, 3])],
    (u, i) => f.scatterAdd(u, i, 5),
    (u, i) => nd([5, 2], (row, c) => sum(6, (k) => (i.data[k] === row ? u.data[k * 2 + c]! : 0))),
  ),
  move(
    'scatterElementsAdd, repeated indices',
    [random([3, 4]), ids([0, 0, 2, 1, 3, 3], [3, 2]), random([3, 2], 2)],
    (d, i, u) => f.scatterElementsAdd(d, i, u, 1),
    (d, i, u) => nd([3, 4], (a, b) => d.at(a, b) + sum(2, (k) => (i.at(a, k) === b ? u.at(a, k) : 0))),
  ),
  move(
    'scatterElements',
    [random([3, 4]), ids([0, 2, 3, 1, 1, 3], [3, 2]), random([3, 2], 2)],
    (d, i, u) => f.scatterElements(d, i, u, 1),
    (d, i, u) =>
      nd([3, 4], (a, b) => {
        const k = [0, 1].find((column) => i.at(a, column) === b)
        return k === undefined ? d.at(a, b) : u.at(a, k)
      }),
  ),
  move(
    'scatterRows',
    [random([4, 3]), ids([2, 0]), random([2, 3], 2)],
    (t, i, r) => f.scatterRows(t, i, r),
    (t, i, r) =>
      nd([4, 3], (a, b) => {
        const k = [0, 1].find((place) => i.at(place) === a)
        return k === undefined ? t.at(a, b) : r.at(k, b)
      }),
  ),
  move(
    'oneHot, an id out of range',
    [ids([2, 0, -1])],
    (i) => f.oneHot(i, 3),
    (i) => nd([3, 3], (a, b) => +(i.at(a) === b)),
  ),
]
