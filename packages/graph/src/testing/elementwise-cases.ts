import * as f from '../functions/elementwise.js'
import type { Value } from '../graph.js'
import { erf, flags, list, map, type NdArray, nd, random, scalar } from './array.js'
import type { Case } from './case.js'

/** A case for a matrix, for nothing and for a scalar. */
export const unary = (
  name: string,
  build: (x: Value) => Value,
  formula: (v: number) => number,
  x = random([2, 3]),
): Case[] =>
  [x, random([0, 3]), scalar(x.data[0]!)].map((input) => ({
    name: `${name} of [${input.dims}]`,
    inputs: [input],
    build,
    reference: (a) => map(a, formula),
  }))

const positive = random([2, 3], 3, 0.5, 3)

type Formula = (a: number, b: number) => number

const broadcastDims = (a: NdArray, b: NdArray) =>
  Array.from({ length: Math.max(a.dims.length, b.dims.length) }, (_, i) => {
    const [da, db] = [a, b].map((x) => x.dims.at(i - Math.max(a.dims.length, b.dims.length)) ?? 1)
    return da === 1 ? db! : da!
  })

const pairs = (left: NdArray[], right: NdArray[]) => left.map((a, i) => [a, right[i]!] as const)

const binary = (
  name: string,
  build: (a: Value, b: Value) => Value,
  formula: Formula,
  { from = -2, bool = false } = {},
): Case[] =>
  pairs(
    [
      random([2, 3], 1, from),
      random([2, 3], 1, from),
      random([2, 1], 1, from),
      random([4, 1, 3], 1, from),
      random([], 5, from),
      random([0, 3], 1, from),
    ],
    [
      random([2, 3], 2, from),
      random([3], 2, from),
      random([1, 3], 2, from),
      random([2, 1], 2, from),
      random([2, 2], 2, from),
      random([1, 3], 2, from),
    ],
  ).map(([a, b]) => ({
    name: `${name} of [${a.dims}] and [${b.dims}]`,
    inputs: [a, b],
    build,
    reference: (x, y) => nd(broadcastDims(x, y), (...i) => formula(x.at(...i), y.at(...i)), bool ? 'bool' : 'float32'),
  }))

const withTies = [list([1, 2, 3, 2]), list([3, 2, 1, 2])]

const comparison = (name: string, build: (a: Value, b: Value) => Value, formula: (a: number, b: number) => boolean) => [
  ...binary(name, build, (a, b) => +formula(a, b), { bool: true }),
  {
    name: `${name} with equal elements`,
    inputs: withTies,
    build,
    reference: (x: NdArray, y: NdArray) => nd([4], (i) => +formula(x.at(i), y.at(i)), 'bool'),
  },
]

const logical = (name: string, build: (a: Value, b: Value) => Value, formula: Formula): Case => ({
  name,
  inputs: [flags([0, 0, 1, 1]), flags([0, 1, 0, 1])],
  build,
  reference: (a, b) => nd([4], (i) => formula(a.at(i), b.at(i)), 'bool'),
})

export const elementwiseCases: Case[] = [
  ...unary('neg', f.neg, (v) => -v),
  ...unary('exp', f.exp, Math.exp),
  ...unary('log', f.log, Math.log, positive),
  ...unary('sqrt', f.sqrt, Math.sqrt, positive),
  ...unary('tanh', f.tanh, Math.tanh),
  ...unary('sigmoid', f.sigmoid, (v) => 1 / (1 + Math.exp(-v))),
  ...unary('relu', f.relu, (v) => Math.max(v, 0)),
  ...unary('erf', f.erf, erf),
  ...unary('gelu', f.gelu, (v) => (v / 2) * (1 + erf(v / Math.SQRT2))),
  ...unary('abs', f.abs, Math.abs),
  ...unary('square', f.square, (v) => v * v),
  ...unary(
    'clip',
    (x) => f.clip(x, -1, 0.5),
    (v) => Math.min(Math.max(v, -1), 0.5),
  ),
  { name: 'sign', inputs: [list([-2, 0, 3])], build: f.sign, reference: (x) => map(x, Math.sign), differentiate: [] },
  {
    name: 'floor',
    inputs: [list([-1.5, 0.5, 2])],
    build: f.floor,
    reference: (x) => map(x, Math.floor),
    differentiate: [],
  },
  {
    name: 'stopGradient, which counts as a constant',
    inputs: [list([-1.5, 0.5, 2]), list([3, 1, 4])],
    build: (x, y) => f.mul(f.stopGradient(x), y),
    reference: (x, y) => nd([3], (i) => x.at(i) * y.at(i)),
    differentiate: [1],
  },
  ...binary('add', f.add, (a, b) => a + b),
  ...binary('sub', f.sub, (a, b) => a - b),
  ...binary('mul', f.mul, (a, b) => a * b),
  ...binary('div', f.div, (a, b) => a / b, { from: 0.5 }),
  ...binary('pow', f.pow, (a, b) => a ** b, { from: 0.5 }),
  ...binary('minimum', f.minimum, Math.min),
  ...binary('maximum', f.maximum, Math.max),
  ...comparison('equal', f.equal, (a, b) => a === b),
  ...comparison('less', f.less, (a, b) => a < b),
  ...comparison('greater', f.greater, (a, b) => a > b),
  ...comparison('lessOrEqual', f.lessOrEqual, (a, b) => a <= b),
  ...comparison('greaterOrEqual', f.greaterOrEqual, (a, b) => a >= b),
  logical('and', f.and, (a, b) => a & b),
  logical('or', f.or, (a, b) => a | b),
  { name: 'not', inputs: [flags([0, 1])], build: f.not, reference: (a) => map(a, (v) => 1 - v) },
  {
    name: 'isNaN',
    inputs: [list([1, Number.NaN, 0])],
    build: f.isNotANumber,
    reference: (x) => map(x, (v) => +Number.isNaN(v), 'bool'),
  },
  {
    name: 'where, broadcast',
    inputs: [flags([1, 0], [2, 1]), random([3]), random([2, 3], 2)],
    build: f.where,
    reference: (c, a, b) => nd([2, 3], (i, j) => (c.at(i, 0) ? a.at(j) : b.at(i, j))),
  },
  {
    name: 'a value used three times',
    inputs: [random([2, 2])],
    build: (x) => f.add(f.mul(x, x), f.add(x, f.exp(x))),
    reference: (x) => map(x, (v) => v * v + v + Math.exp(v)),
  },
  {
    name: 'numbers as operands',
    inputs: [random([2, 2])],
    build: (x) => f.sub(1, f.div(f.mul(x, 3), 2)),
    reference: (x) => map(x, (v) => 1 - (v * 3) / 2),
  },
  {
    name: 'sumOf three',
    inputs: [random([2, 3], 1), random([2, 3], 2), random([2, 3], 3)],
    build: (...x) => f.sumOf(x),
    reference: (a, b, c) => nd([2, 3], (...i) => a.at(...i) + b.at(...i) + c.at(...i)),
  },
  {
    name: 'cast to whole numbers',
    inputs: [list([1.7, -2.2, 0])],
    build: (x) => f.cast(x, 'int64'),
    reference: (x) => map(x, Math.trunc, 'int64'),
  },
  {
    name: 'cast to float64 and back',
    inputs: [random([3])],
    build: (x) => f.cast(f.mul(f.cast(x, 'float64'), 2), 'float32'),
    reference: (x) => map(x, (v) => v * 2),
  },
]
