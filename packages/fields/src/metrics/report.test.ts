import { describe, expect, it } from 'vitest'
import {
  blendClasses,
  blendNumbers,
  classOutcomes,
  confusionMatrix,
  coverageAtPrecision,
  fitTemperature,
  perClass,
  reliability,
  softmaxAt,
  topConfusions,
} from './index.js'

const oneHot = (answer: number, classes: number, p = 0.8) =>
  Array.from({ length: classes }, (_, c) => (c === answer ? p : (1 - p) / (classes - 1)))

describe('tables of classes', () => {
  const labels = [0, 0, 0, 1, 1, 2]
  const answered = [0, 1, 1, 1, 0, 1]
  const outcomes = classOutcomes(
    labels,
    answered.flatMap((a) => oneHot(a, 3)),
    3,
  )

  it('counts', () => {
    expect(confusionMatrix(outcomes)).toEqual([
      [1, 2, 0],
      [1, 1, 0],
      [0, 1, 0],
    ])
    expect(topConfusions(outcomes, 2)).toEqual([
      { label: 0, predicted: 1, rows: 2, share: 2 / 3 },
      { label: 2, predicted: 1, rows: 1, share: 1 },
    ])
    expect(perClass(outcomes)).toEqual([
      { class: 0, precision: 1 / 2, recall: 1 / 3, f1: 0.4, rows: 3, answered: 2 },
      { class: 1, precision: 1 / 4, recall: 1 / 2, f1: 2 / 6, rows: 2, answered: 4 },
      { class: 2, precision: 0, recall: 0, f1: 0, rows: 1, answered: 0 },
    ])
  })
})

describe('calibration', () => {
  it('puts confidences into bins', () => {
    const outcomes = classOutcomes([0, 0, 1, 1], [0.9, 0.1, 0.9, 0.1, 0.9, 0.1, 0.4, 0.6], 2)
    const filled = reliability(outcomes, 10).filter(({ rows }) => rows > 0)
    expect(filled.map(({ from, rows, accuracy }) => [from, rows, accuracy])).toEqual([
      [0.5, 1, 1],
      [0.8, 3, 2 / 3],
    ])
  })

  it('finds the temperature that made the labels', () => {
    // Two classes, logit difference d = 1, right in 3 of 4 rows: the best scale is b d = ln 3.
    const rows = 4000
    const labels = Array.from({ length: rows }, (_, row) => (row % 4 === 0 ? 1 : 0))
    const scores = labels.flatMap(() => [1, 0])
    expect(1 / fitTemperature(scores, labels, 2)).toBeCloseTo(Math.log(3), 3)
    expect(softmaxAt(scores, 2, fitTemperature(scores, labels, 2))[0]).toBeCloseTo(0.75, 3)
  })

  it('is at the minimum of the log loss and ignores the scale and rows without a label', () => {
    const labels = Array.from({ length: 90 }, (_, row) => row % 3)
    const scores = labels.flatMap((label, row) =>
      [0, 1, 2].map((c) => (c === label ? 1 : 0) + ((row * 7 + c * 5) % 9) / 4),
    )
    const loss = (t: number) =>
      labels.reduce((sum, label, row) => sum - Math.log(softmaxAt(scores, 3, t)[row * 3 + label]!), 0)
    const best = fitTemperature(scores, labels, 3)
    expect(loss(best)).toBeLessThan(loss(best * 1.15))
    expect(loss(best)).toBeLessThan(loss(best / 1.15))
    const scaled = scores.map((s) => 20 * s)
    expect(fitTemperature(scaled, labels, 3)).toBeCloseTo(20 * best, 3)
    expect(fitTemperature([...scores, 9, 0, 0], [...labels, -1], 3)).toBeCloseTo(best, 9)
  })

  it('stays finite when every row is right or wrong, and says 1 without rows', () => {
    const right = fitTemperature([1, 0, 0, 1], [0, 1], 2)
    expect(right).toBeGreaterThan(0.1)
    expect(right).toBeLessThan(1)
    expect(fitTemperature([1, 0, 0, 1], [1, 0], 2)).toBeCloseTo(1000, 0)
    expect(fitTemperature([1, 0], [-1], 2)).toBe(1)
  })
})

describe('coverageAtPrecision', () => {
  it('answers as many rows as the precision allows', () => {
    const confidence = [0.99, 0.98, 0.97, 0.7, 0.6]
    const right = [true, true, true, false, true]
    const outcomes = classOutcomes(
      right.map((ok) => (ok ? 0 : 1)),
      confidence.flatMap((p) => [p, 1 - p]),
      2,
    )
    expect(coverageAtPrecision(outcomes, 0.95)).toEqual({ coverage: 0.6, threshold: 0.97, precision: 1 })
    expect(coverageAtPrecision(outcomes, 0.8)).toEqual({ coverage: 1, threshold: 0.6, precision: 0.8 })
  })

  it('never cuts through a tie', () => {
    const outcomes = classOutcomes([0, 0, 1, 1], [0.9, 0.1, 0.8, 0.2, 0.8, 0.2, 0.8, 0.2], 2)
    expect(coverageAtPrecision(outcomes, 1)).toEqual({ coverage: 0.25, threshold: 0.9, precision: 1 })
    expect(coverageAtPrecision(classOutcomes([1], [0.9, 0.1], 2))).toEqual({
      coverage: 0,
      threshold: null,
      precision: 0,
    })
  })
})

describe('blending', () => {
  const labels = Array.from({ length: 120 }, (_, row) => row % 3)
  /** Right on rows whose block is not the given one. */
  const weakOn = (block: number) =>
    labels.flatMap((label, row) =>
      oneHot(Math.floor(row / 40) === block ? (label + 1) % 3 : label, 3, Math.floor(row / 40) === block ? 0.4 : 0.9),
    )

  it('mixes candidates that are wrong in different places', () => {
    const candidates = [weakOn(0), weakOn(1), weakOn(2)]
    const { weights, blended } = blendClasses({ candidates, labels, classes: 3 })
    expect(blended).toBe(true)
    for (const weight of weights) expect(weight).toBeCloseTo(1 / 3, 1)
  })

  it('keeps the best alone when a mix does not help', () => {
    const good = labels.flatMap((label) => oneHot(label, 3, 0.95))
    const bad = labels.flatMap((label) => oneHot((label + 1) % 3, 3, 0.95))
    expect(blendClasses({ candidates: [bad, good], labels, classes: 3 })).toEqual({
      weights: [0, 1],
      blended: false,
      best: 1,
    })
    expect(blendClasses({ candidates: [good], labels, classes: 3 }).weights).toEqual([1])
  })

  it('finds the least-squares weights of numbers', () => {
    const a = Array.from({ length: 60 }, (_, i) => (i * 29) % 17)
    const b = Array.from({ length: 60 }, (_, i) => (i * 31) % 23)
    const targets = a.map((x, i) => 0.3 * x + 0.7 * b[i]!)
    const { weights, blended } = blendNumbers({ candidates: [a, b], targets })
    expect(blended).toBe(true)
    expect(weights[0]).toBeCloseTo(0.3, 6)
    expect(weights[1]).toBeCloseTo(0.7, 6)
    expect(blendNumbers({ candidates: [a, targets], targets }).weights).toEqual([0, 1])
  })
})
