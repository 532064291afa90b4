import { GraphBuilder, gradients, reshape, type Tensor, tensorOf, type Value } from '@volant/graph'
import { describe, expect, it } from 'vitest'
import { compute } from '../runtime/compute.js'
import { contrastiveLoss, tripletLoss } from './contrastive.js'
import { cosineDistance, distillationLoss } from './distillation.js'
import { marginRankingLoss, pairwiseLoss } from './ranking.js'
import { quantileLoss } from './regression.js'

type Rows = readonly (readonly number[])[]

const dot = (a: readonly number[], b: readonly number[]) => a.reduce((sum, v, i) => sum + v * b[i]!, 0)
const length = (a: readonly number[]) => Math.sqrt(Math.max(dot(a, a), 1e-12))
const cosine = (a: readonly number[], b: readonly number[]) => dot(a, b) / (length(a) * length(b))
const softmax = (row: readonly number[]) => {
  const top = Math.max(...row)
  const total = row.reduce((sum, v) => sum + Math.exp(v - top), 0)
  return row.map((v) => Math.exp(v - top) / total)
}
const distance = (a: readonly number[], b: readonly number[]) => length(a.map((v, i) => v - b[i]!))
const mean = (values: readonly number[], mask: readonly number[] = values.map(() => 1)) =>
  dot(values, mask) /
  Math.max(
    dot(
      mask,
      mask.map(() => 1),
    ),
    1e-12,
  )
const relu = (v: number) => Math.max(0, v)

/** Numbers in (-1, 1) without a pattern. */
const spread = (rows: number, columns: number, salt: number): Rows =>
  Array.from({ length: rows }, (_, i) =>
    Array.from({ length: columns }, (_, j) => Math.sin(salt + 12.9898 * i + 4.1414 * j)),
  )

interface Case {
  readonly name: string
  readonly inputs: readonly Rows[]
  readonly build: (x: Value[], b: GraphBuilder) => Value
  readonly reference: (...x: Rows[]) => number
}

const four = [1, 0, 2, 0.5]
const floats = (b: GraphBuilder, values: readonly number[]) => b.constant(values)
const maskOf = (b: GraphBuilder) => floats(b, four)

const contrast = (similar: number[][], mask?: readonly number[]) => {
  const rows = mean(
    similar.map((row, i) => -Math.log(softmax(row)[i]!)),
    mask,
  )
  const columns = similar.map((_, j) => similar.map((row) => row[j]!))
  return {
    rows,
    both:
      (rows +
        mean(
          columns.map((row, i) => -Math.log(softmax(row)[i]!)),
          mask,
        )) /
      2,
  }
}
const similarities = (a: Rows, p: Rows, temperature: number) => a.map((x) => p.map((y) => cosine(x, y) / temperature))

const cases: Case[] = [
  {
    name: 'contrastiveLoss in both directions, weighted',
    inputs: [spread(4, 3, 1), spread(4, 3, 2)],
    build: ([a, p], b) => contrastiveLoss(a!, p!, { temperature: 0.3, mask: maskOf(b) }),
    reference: (a, p) => contrast(similarities(a, p, 0.3), four).both,
  },
  {
    name: 'contrastiveLoss in one direction, with further negatives',
    inputs: [spread(4, 3, 3), spread(4, 3, 4), spread(2, 3, 5)],
    build: ([a, p, negatives]) => contrastiveLoss(a!, p!, { temperature: 0.5, direction: 'anchors', negatives }),
    reference: (a, p, n) => contrast(similarities(a, [...p, ...n], 0.5)).rows,
  },
  {
    name: 'contrastiveLoss with groups that are no negatives',
    inputs: [spread(4, 3, 6), spread(4, 3, 7)],
    build: ([a, p], b) =>
      contrastiveLoss(a!, p!, { temperature: 0.5, groups: b.constant([7, 8, 7, 9], { dtype: 'int64' }) }),
    reference: (a, p) => {
      const groups = [7, 8, 7, 9]
      const all = similarities(a, p, 0.5)
      return contrast(all.map((row, i) => row.map((v, j) => (i !== j && groups[i] === groups[j] ? -1e9 : v)))).both
    },
  },
  ...(['euclidean', 'squared', 'cosine'] as const).map((kind): Case => {
    const between = {
      euclidean: distance,
      squared: (a: readonly number[], b: readonly number[]) => distance(a, b) ** 2,
      cosine: (a: readonly number[], b: readonly number[]) => 1 - cosine(a, b),
    }[kind]
    return {
      name: `tripletLoss, ${kind}`,
      inputs: [spread(4, 3, 8), spread(4, 3, 30), spread(4, 3, 57)],
      build: ([a, p, n], b) => tripletLoss(a!, p!, n!, { distance: kind, margin: 2, mask: maskOf(b) }),
      reference: (a, p, n) =>
        mean(
          a.map((x, i) => relu(between(x, p[i]!) - between(x, n[i]!) + 2)),
          four,
        ),
    }
  }),
  {
    name: 'pairwiseLoss of sure preferences (BPR)',
    inputs: [spread(1, 4, 11), spread(1, 4, 12)],
    build: ([x, y], b) => pairwiseLoss(x!, y!, { mask: b.constant(four, { shape: [1, 4] }) }),
    reference: ([x], [y]) =>
      mean(
        x!.map((v, i) => Math.log(1 + Math.exp(y![i]! - v))),
        four,
      ),
  },
  {
    name: 'pairwiseLoss of graded preferences (RankNet)',
    inputs: [spread(1, 4, 13), spread(1, 4, 14)],
    build: ([x, y], b) => pairwiseLoss(x!, y!, { preference: floats(b, [1, 0.5, 0.25, 0]) }),
    reference: ([x], [y]) =>
      mean(
        x!.map((v, i) => {
          const p = 1 / (1 + Math.exp(y![i]! - v))
          const sure = [1, 0.5, 0.25, 0][i]!
          return -(sure * Math.log(p) + (1 - sure) * Math.log(1 - p))
        }),
      ),
  },
  {
    name: 'marginRankingLoss',
    inputs: [spread(1, 4, 15), spread(1, 4, 16)],
    build: ([x, y]) => marginRankingLoss(x!, y!, { margin: 0.7 }),
    reference: ([x], [y]) => mean(x!.map((v, i) => relu(0.7 - (v - y![i]!)))),
  },
  {
    name: 'quantileLoss of several quantiles',
    inputs: [spread(4, 3, 17), spread(1, 4, 18)],
    build: ([x, y], b) => quantileLoss(x!, reshape4(y!), { quantile: [0.1, 0.5, 0.9], mask: maskOf(b) }),
    reference: (x, [y]) =>
      mean(
        x.map((row, i) =>
          mean(
            row.map((v, k) => {
              const q = [0.1, 0.5, 0.9][k]!
              const e = y![i]! - v
              return Math.max(q * e, (q - 1) * e)
            }),
          ),
        ),
        four,
      ),
  },
  {
    name: 'distillationLoss, teacher and student',
    inputs: [spread(4, 3, 19), spread(4, 3, 20)],
    build: ([s, t], b) => distillationLoss(s!, t!, { temperature: 3, mask: maskOf(b) }),
    reference: (s, t) =>
      9 *
      mean(
        s.map((row, i) => {
          const [p, q] = [softmax(t[i]!.map((v) => v / 3)), softmax(row.map((v) => v / 3))]
          return p.reduce((sum, v, k) => sum + v * Math.log(v / q[k]!), 0)
        }),
        four,
      ),
  },
  {
    name: 'cosineDistance',
    inputs: [spread(4, 3, 21), spread(4, 3, 22)],
    build: ([s, t]) => cosineDistance(s!, t!),
    reference: (s, t) => mean(s.map((row, i) => 1 - cosine(row, t[i]!))),
  },
]

const reshape4 = (y: Value) => reshape(y, [4])

/** Central differences in doubles. */
function slopes({ inputs, reference }: Case, which: number): number[] {
  const step = 1e-5
  return inputs[which]!.flatMap((row, i) =>
    row.map((_, j) => {
      const at = (by: number) =>
        reference(
          ...inputs.map((x, k) =>
            k === which ? x.map((r, n) => r.map((v, m) => (n === i && m === j ? v + by : v))) : x,
          ),
        )
      return (at(step) - at(-step)) / (2 * step)
    }),
  )
}

describe('losses against their definitions in doubles, gradients against finite differences', () => {
  it.each(cases.map((one) => [one.name, one] as const))('%s', async (_, one) => {
    const b = new GraphBuilder()
    const names = one.inputs.map((_, i) => `x${i}`)
    const x = one.inputs.map((rows, i) => b.input(names[i]!, 'float32', [rows.length, rows[0]!.length]))
    const loss = one.build(x, b)
    const values = Object.fromEntries(gradients(loss, x).map((dx, i) => [`d${i}`, dx]))
    const feeds = Object.fromEntries(
      one.inputs.map((rows, i): [string, Tensor] => [
        names[i]!,
        tensorOf('float32', [rows.length, rows[0]!.length], rows.flat()),
      ]),
    )
    const found = await compute({ loss, ...values }, feeds)
    expect(found.loss).toBeCloseTo(one.reference(...one.inputs), 5)
    for (const i of one.inputs.keys()) {
      const expected = slopes(one, i)
      const slope = [(found as Record<string, unknown>)[`d${i}`]].flat(3) as number[]
      expect(Math.max(...expected.map(Math.abs))).toBeGreaterThan(0.002)
      for (const [k, value] of slope.entries()) expect(value).toBeCloseTo(expected[k]!, 4)
    }
  })
})

describe('losses worked out by hand', () => {
  const matrix = (b: GraphBuilder, rows: Rows) => b.constant(rows.flat(), { shape: [rows.length, rows[0]!.length] })
  const b = new GraphBuilder()
  const unit = matrix(b, [
    [1, 0],
    [0, 1],
  ])
  const [origin, far, near] = [[[0, 0]], [[3, 4]], [[0, 4]]].map((rows) => matrix(b, rows)) as [Value, Value, Value]
  const ln3 = matrix(b, [[Math.log(3), 0]])
  it.each([
    ['InfoNCE of orthogonal pairs is -log(e / (e + 1))', contrastiveLoss(unit, unit, { temperature: 1 }), 0.313262],
    ['a triplet 5 and 4 away, margin 1', tripletLoss(origin, far, near), 2],
    ['a triplet 4 and 5 away, margin 1', tripletLoss(origin, near, far), 0],
    ['equal scores', pairwiseLoss(b.constant([2]), b.constant([2])), Math.LN2],
    ['a score better by half of the margin', marginRankingLoss(b.constant([1.5]), b.constant([1])), 0.5],
    [
      'pinball at 0.9: one 2 above, one 1 below',
      quantileLoss(b.constant([0, 3]), b.constant([2, 2]), { quantile: 0.9 }),
      (1.8 + 0.1) / 2,
    ],
    [
      'KL of (3/4, 1/4) from (1/2, 1/2)',
      distillationLoss(origin, ln3, { temperature: 1 }),
      0.75 * Math.log(1.5) + 0.25 * Math.log(0.5),
    ],
  ] as const)('%s', async (_, loss, expected) => {
    expect((await compute({ loss })).loss).toBeCloseTo(expected, 5)
  })

  it('knows the batch only when it runs', async () => {
    const b = new GraphBuilder()
    const x = b.input('x', 'float32', ['B', 2])
    const loss = contrastiveLoss(x, x, { temperature: 1 })
    const [slope] = gradients(loss, [x])
    const found = await compute({ loss, slope: slope! }, { x: tensorOf('float32', [2, 2], [2, 0, 0, 5]) })
    expect(found.loss).toBeCloseTo(0.313262, 5)
    expect((found.slope as number[][]).flat().every(Number.isFinite)).toBe(true)
  })

  it('refuses what makes no sense', () => {
    expect(() => quantileLoss(unit, unit, { quantile: 1 })).toThrow('the quantile 1 is not between 0 and 1')
    expect(() => quantileLoss(unit, unit, { quantile: [0.1, 0.5, 0.9] })).toThrow(
      '3 quantiles need predictions [..., 3]',
    )
    expect(() => contrastiveLoss(unit, far)).toThrow(
      'anchors and positives must both be [B, D] (shapes [2,2] and [1,2])',
    )
    expect(() => distillationLoss(unit, unit, { temperature: 0 })).toThrow('temperature is 0')
  })
})
