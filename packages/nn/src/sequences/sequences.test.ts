import { describe, expect, it } from 'vitest'
import { Random } from '../random.js'
import { ctcBeam, ctcGreedy } from './ctc.js'
import { spanF1, TagScheme } from './tags.js'
import { viterbi } from './viterbi.js'

/** All sequences of n symbols out of k. */
const sequences = (n: number, k: number) =>
  Array.from({ length: k ** n }, (_, i) => Array.from({ length: n }, (_, place) => Math.floor(i / k ** place) % k))

const numbers = (random: Random, count: number) => Float32Array.from({ length: count }, () => random.normal())

describe('tag schemes', () => {
  const spans = [
    { kind: 'PER', start: 0, end: 1 },
    { kind: 'PER', start: 1, end: 4 },
    { kind: 'ORG', start: 5, end: 7 },
  ]

  it.each([
    ['bio', 'B-PER B-PER I-PER I-PER O B-ORG I-ORG'],
    ['bmes', 'S-PER B-PER M-PER E-PER O B-ORG E-ORG'],
  ] as const)('%s writes spans as tags and reads them back', (style, expected) => {
    const scheme = new TagScheme(style, ['PER', 'ORG'])
    const tags = scheme.encode(spans, 7)
    expect(tags.map((tag) => scheme.tags[tag]).join(' ')).toBe(expected)
    expect(scheme.spans(tags)).toEqual(spans)
    expect(scheme.start(tags[0]!) && scheme.end(tags.at(-1)!)).toBe(true)
    expect(tags.slice(1).every((tag, i) => scheme.move(tags[i]!, tag))).toBe(true)
  })

  it.each([
    ['bio', 'O I-PER', false],
    ['bio', 'B-ORG I-PER', false],
    ['bio', 'I-PER I-PER', true],
    ['bio', 'I-PER B-ORG', true],
    ['bmes', 'B-PER O', false],
    ['bmes', 'B-PER E-ORG', false],
    ['bmes', 'M-PER E-PER', true],
    ['bmes', 'E-PER E-PER', false],
    ['bmes', 'S-PER B-PER', true],
    ['bmes', 'O M-PER', false],
  ] as const)('%s: %s is legal: %s', (style, pair, legal) => {
    const scheme = new TagScheme(style, ['PER', 'ORG'])
    const [from, to] = pair.split(' ').map((tag) => scheme.tags.indexOf(tag))
    expect(scheme.move(from!, to!)).toBe(legal)
  })

  it('reads a span that never began as one that begins, and refuses spans that overlap', () => {
    const scheme = new TagScheme('bio', ['PER'])
    expect(scheme.spans([2, 2, 0, 1])).toEqual([
      { kind: 'PER', start: 0, end: 2 },
      { kind: 'PER', start: 3, end: 4 },
    ])
    expect(() => scheme.encode([...spans.slice(0, 1), { kind: 'PER', start: 0, end: 2 }], 3)).toThrow('PER from 0 to 2')
  })

  it('scores spans as CoNLL does', () => {
    const other = { kind: 'ORG', start: 1, end: 4 }
    // 2 of 3 found are right, 2 of 4 expected are found: F1 = 2 (2/3)(1/2) / (2/3 + 1/2) = 4/7.
    const { precision, recall, f1 } = spanF1(
      [[spans[0]!, other], [spans[2]!]],
      [
        [spans[0]!, spans[1]!],
        [spans[2]!, other],
      ],
    )
    expect([precision, recall, f1]).toEqual([2 / 3, 1 / 2, expect.closeTo(4 / 7, 12)])
    expect(spanF1([[]], [[]]).f1).toBe(0)
  })
})

describe('viterbi', () => {
  it('finds the best of all paths', () => {
    const random = new Random(3)
    for (const steps of [1, 2, 5]) {
      const K = 3
      const emissions = numbers(random, steps * K)
      const chain = { transitions: numbers(random, K * K), start: numbers(random, K), end: numbers(random, K) }
      const score = (path: number[]) =>
        path.reduce(
          (sum, tag, t) =>
            sum + emissions[t * K + tag]! + (t ? chain.transitions[path[t - 1]! * K + tag]! : chain.start[tag]!),
          chain.end[path.at(-1)!]!,
        )
      const best = Math.max(...sequences(steps, K).map(score))
      const found = viterbi(emissions, chain)
      expect(found.score).toBeCloseTo(best, 5)
      expect(score(found.tags)).toBeCloseTo(best, 5)
    }
    expect(viterbi([], { transitions: [], start: [0], end: [0] })).toEqual({ tags: [], score: 0 })
  })
})

describe('CTC decoding', () => {
  const spelt = (path: number[]) => path.filter((c, t) => c !== 0 && c !== path[t - 1]).join()

  it('adds up the paths that spell the same, where the greedy way takes one', () => {
    // Steps with blank 0.6, a 0.4: the likeliest path is empty (0.36), but "a" has 0.64.
    const log = [0.6, 0.4, 0.6, 0.4].map(Math.log)
    expect(ctcGreedy(log, 2)).toEqual([])
    const [best] = ctcBeam(log, 2)
    expect(best!.labels).toEqual([1])
    expect(best!.logProbability).toBeCloseTo(Math.log(0.64), 12)
    expect(ctcGreedy([0, 1, 0, 0, 1, 0, 1, 0, 0, 0, 0, 1], 3)).toEqual([1, 2])
  })

  it('agrees with the sum over all paths', () => {
    const [steps, classes] = [4, 3]
    const random = new Random(5)
    const log = numbers(random, steps * classes)
    const sums = new Map<string, number>()
    for (const path of sequences(steps, classes)) {
      const probability = Math.exp(path.reduce((sum, c, t) => sum + log[t * classes + c]!, 0))
      sums.set(spelt(path), (sums.get(spelt(path)) ?? 0) + probability)
    }
    const answers = ctcBeam(log, classes, { width: 1000 })
    expect(answers.length).toBe(sums.size)
    for (const { labels, logProbability } of answers)
      expect(Math.exp(logProbability)).toBeCloseTo(sums.get(labels.join())!, 6)
  })
})
