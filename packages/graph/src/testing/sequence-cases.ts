import { logSoftmax } from '../functions/layers.js'
import { crfLoss, ctcLoss } from '../functions/sequences.js'
import { ids, type NdArray, random, scalar } from './array.js'
import type { Case } from './case.js'

/** All sequences of n symbols out of k. */
function* sequences(n: number, k: number): Generator<number[]> {
  const one = Array(n).fill(0) as number[]
  for (let i = 0; i < k ** n; i++) {
    for (let place = 0, rest = i; place < n; place++, rest = Math.floor(rest / k)) one[place] = rest % k
    yield one
  }
}

const logSumExp = (values: Iterable<number>): number => {
  const all = [...values]
  const top = Math.max(...all)
  return top === Number.NEGATIVE_INFINITY ? top : top + Math.log(all.reduce((sum, v) => sum + Math.exp(v - top), 0))
}

/** By the sum over all tag sequences. */
function crfReference(emissions: NdArray, tags: number[][], lengths: number[], weights: readonly NdArray[]): NdArray {
  const K = emissions.dims[2]!
  const [transitions, start, end] = weights as [NdArray, NdArray, NdArray]
  const score = (b: number, path: readonly number[]) =>
    path.reduce(
      (sum, tag, t) => sum + emissions.at(b, t, tag) + (t === 0 ? start.at(tag) : transitions.at(path[t - 1]!, tag)),
      end.at(path.at(-1)!),
    )
  const losses = lengths.flatMap((n, b) => {
    if (n === 0) return []
    const all = Array.from(sequences(n, K), (path) => score(b, path))
    return [logSumExp(all) - score(b, tags[b]!.slice(0, n))]
  })
  return scalar(losses.reduce((a, b) => a + b, 0) / losses.length)
}

function crfCase(lengths: number[], T: number, spread = 2): Case {
  const [B, K] = [lengths.length, 3]
  const tags = lengths.map((n, b) => Array.from({ length: T }, (_, t) => (t < n ? (b + 2 * t) % K : -1)))
  return {
    name: `crfLoss of lengths ${lengths} in ${T} steps, scores to ${spread}`,
    inputs: [
      random([B, T, K], 1, -spread, spread),
      random([K, K], 2, -spread, spread),
      random([K], 3),
      random([K], 4),
      ids(tags.flat(), [B, T]),
      ids(lengths),
    ],
    shapes: [['B', 'T', K], [K, K], [K], [K], ['B', 'T'], ['B']],
    differentiate: [0, 1, 2, 3],
    build: (e, transitions, start, end, tag, n) =>
      crfLoss(e!, tag!, { transitions: transitions!, start: start!, end: end! }, n!),
    reference: (e, ...rest) => crfReference(e!, tags, lengths, rest.slice(0, 3)),
    tolerance: spread > 10 ? 1e-4 : 4e-5,
  }
}

const collapse = (path: readonly number[]) => path.filter((c, t) => c !== 0 && c !== path[t - 1]).join()

/** By the sum over all paths that spell the labels. */
function ctcReference(logits: NdArray, labels: number[][], lengths: number[]): NdArray {
  const C = logits.dims[2]!
  const losses = lengths.map((n, b) => {
    const normaliser = (t: number) => logSumExp(Array.from({ length: C }, (_, c) => logits.at(b, t, c)))
    const spelling: number[] = []
    for (const path of sequences(n, C))
      if (collapse(path) === labels[b]!.join())
        spelling.push(path.reduce((sum, c, t) => sum + logits.at(b, t, c) - normaliser(t), 0))
    const logProbability = logSumExp(spelling)
    return logProbability === Number.NEGATIVE_INFINITY ? 0 : -logProbability / Math.max(1, labels[b]!.length)
  })
  return scalar(losses.reduce((a, b) => a + b, 0) / losses.length)
}

function ctcCase(labels: number[][], lengths: number[], T: number): Case {
  const [B, C] = [labels.length, 3]
  const L = Math.max(...labels.map((row) => row.length))
  const padded = labels.flatMap((row) => Array.from({ length: L }, (_, i) => row[i] ?? -1))
  return {
    name: `ctcLoss of ${labels.map((row) => `[${row}]`)} in ${lengths} of ${T} steps`,
    inputs: [random([B, T, C], 1), ids(padded, [B, L]), ids(lengths), ids(labels.map((row) => row.length))],
    shapes: [['B', 'T', C], ['B', 'L'], ['B'], ['B']],
    differentiate: [0],
    build: (z, y, n, m) => ctcLoss(logSoftmax(z!), y!, { lengths: n!, labelLengths: m! }),
    reference: (z) => ctcReference(z!, labels, lengths),
    tolerance: 4e-5,
  }
}

export const sequenceCases: Case[] = [
  crfCase([4, 4], 4),
  crfCase([1, 3, 0, 4], 4),
  crfCase([1, 1], 1),
  crfCase([3, 2], 3, 200),
  ctcCase([[1, 2]], [4], 4),
  ctcCase([[1, 1], [2], []], [5, 3, 4], 5),
  ctcCase(
    [
      [1, 1],
      [2, 1],
    ],
    [2, 4],
    4,
  ),
]
