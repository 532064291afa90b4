import { einsum } from '../functions/einsum.js'
import { nd, random, sum } from './array.js'
import type { Case } from './case.js'

const [a23, b34] = [random([2, 3]), random([3, 4], 2)]

export const einsumCases: Case[] = [
  {
    name: 'einsum of two matrices',
    inputs: [a23, b34],
    build: (a, b) => einsum('ij,jk', a!, b!),
    reference: (a, b) => nd([2, 4], (i, k) => sum(3, (j) => a!.at(i!, j) * b!.at(j, k!))),
  },
  {
    name: 'einsum of queries and keys, heads apart, named dims',
    inputs: [random([2, 3, 2, 4]), random([2, 5, 2, 4], 2)],
    shapes: [
      ['B', 'Q', 2, 4],
      ['B', 'K', 2, 4],
    ],
    build: (q, k) => einsum('bqhd, bkhd -> bhqk', q!, k!),
    reference: (q, k) => nd([2, 2, 3, 5], (b, h, i, j) => sum(4, (d) => q!.at(b!, i!, h!, d) * k!.at(b!, j!, h!, d))),
  },
  {
    name: 'einsum without a sum',
    inputs: [random([2, 3]), random([2, 4], 2)],
    build: (a, b) => einsum('bi,bj->jbi', a!, b!),
    reference: (a, b) => nd([4, 2, 3], (j, n, i) => a!.at(n!, i!) * b!.at(n!, j!)),
  },
  {
    name: 'einsum of three, some letters summed early',
    inputs: [random([2, 3]), random([3, 4, 2], 2), random([4], 3)],
    build: (a, b, c) => einsum('ij,jkl,k->i', a!, b!, c!),
    reference: (a, b, c) =>
      nd([2], (i) => sum(3, (j) => sum(4, (k) => sum(2, (l) => a!.at(i!, j) * b!.at(j, k, l) * c!.at(k))))),
  },
  {
    name: 'einsum of one: a transposed sum',
    inputs: [random([2, 3, 4])],
    build: (a) => einsum('ijk->ki', a!),
    reference: (a) => nd([4, 2], (k, i) => sum(3, (j) => a!.at(i!, j, k!))),
  },
  {
    name: 'einsum to a scalar',
    inputs: [random([2, 3]), random([2, 3], 2)],
    build: (a, b) => einsum('ij,ij->', a!, b!),
    reference: (a, b) => nd([], () => sum(6, (i) => a!.data[i]! * b!.data[i]!)),
  },
  {
    name: 'einsum over any number of axes, some repeated',
    inputs: [random([2, 1, 3, 4]), random([5, 4, 2], 2)],
    shapes: [
      ['B', 1, 3, 4],
      [5, 4, 2],
    ],
    build: (a, b) => einsum('...ij,...jk->...ki', a!, b!),
    reference: (a, b) => nd([2, 5, 2, 3], (n, m, k, i) => sum(4, (j) => a!.at(n!, 0, i!, j) * b!.at(m!, j, k!))),
  },
  {
    name: 'einsum with the other axes first where no result is named',
    inputs: [random([3, 2]), random([3, 4], 2)],
    build: (a, b) => einsum('i...,ib', a!, b!),
    reference: (a, b) => nd([2, 4], (m, n) => sum(3, (i) => a!.at(i, m!) * b!.at(i, n!))),
  },
]
