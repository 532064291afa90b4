import { describe, expect, it } from 'vitest'
import { bootstrapIntervals, classOutcomes, measureAll, numberOutcomes, pairedBootstrap } from './index.js'

/** Rows of which a known share is answered right, in a fixed pattern. */
function answers(rows: number, right: (row: number) => boolean) {
  const labels = Array.from({ length: rows }, (_, row) => row % 2)
  const probabilities = labels.flatMap((label, row) => ((right(row) ? label : 1 - label) ? [0.2, 0.8] : [0.8, 0.2]))
  return classOutcomes(labels, probabilities, 2)
}

describe('bootstrapIntervals', () => {
  it('gives the normal interval of a share where that is known', () => {
    const intervals = bootstrapIntervals(answers(2000, (row) => row % 5 !== 0))
    const [low, high] = intervals.accuracy!
    const halfWidth = 1.96 * Math.sqrt((0.8 * 0.2) / 2000)
    expect(low).toBeCloseTo(0.8 - halfWidth, 2)
    expect(high).toBeCloseTo(0.8 + halfWidth, 2)
  })

  it('covers every defined metric with an interval around its value', () => {
    const targets = Array.from({ length: 300 }, (_, i) => (i * 37) % 101)
    const predictions = targets.map((y, i) => y + ((i * 53) % 11) - 5)
    for (const outcomes of [answers(300, (row) => row % 7 !== 0), numberOutcomes(targets, predictions)]) {
      const values = measureAll(outcomes)
      const intervals = bootstrapIntervals(outcomes)
      expect(Object.keys(intervals)).toEqual(Object.keys(values))
      for (const [name, [low, high]] of Object.entries(intervals)) {
        const value = values[name as keyof typeof values]!
        expect(low, name).toBeLessThanOrEqual(name === 'ece' ? high : value)
        expect(high, name).toBeGreaterThanOrEqual(value)
        expect(high, name).toBeGreaterThan(low)
      }
    }
  })

  it('repeats itself with a seed and differs with another', () => {
    const outcomes = answers(400, (row) => row % 3 !== 0)
    expect(bootstrapIntervals(outcomes, { seed: 7 })).toEqual(bootstrapIntervals(outcomes, { seed: 7 }))
    expect(bootstrapIntervals(outcomes, { seed: 7 })).not.toEqual(bootstrapIntervals(outcomes, { seed: 8 }))
  })

  it('takes seconds at most with many rows and classes', () => {
    const classes = 50
    const labels = Array.from({ length: 8_000 }, (_, row) => row % classes)
    const probabilities = new Float64Array(labels.length * classes).map((_, i) => ((i * 7919) % 1009) / 25_225)
    const start = performance.now()
    expect(bootstrapIntervals(classOutcomes(labels, probabilities, classes)).rocAuc).toBeDefined()
    expect(performance.now() - start).toBeLessThan(20_000)
  })
})

describe('pairedBootstrap', () => {
  it('sees a small gain on the same rows that separate intervals would not show', () => {
    const champion = answers(1000, (row) => row % 10 >= 3)
    const candidate = answers(1000, (row) => row % 10 >= 3 || row % 50 === 0)
    const { difference, low, high } = pairedBootstrap(candidate, champion, 'accuracy')
    expect(difference).toBeCloseTo(0.02, 12)
    expect(low).toBeGreaterThan(0)
    expect(high).toBeLessThan(0.035)
    expect(bootstrapIntervals(champion).accuracy![1]).toBeGreaterThan(bootstrapIntervals(candidate).accuracy![0])
  })

  it('finds no gain between equal models and a loss for a worse one', () => {
    const model = answers(500, (row) => row % 10 !== 0)
    expect(pairedBootstrap(model, model, 'rocAuc')).toMatchObject({ difference: 0, low: 0, high: 0 })
    const spoiled = answers(500, (row) => row % 3 !== 0)
    expect(pairedBootstrap(spoiled, model, 'accuracy').high).toBeLessThan(0)
  })

  it('counts a lower error as a gain', () => {
    const targets = Array.from({ length: 200 }, (_, i) => i)
    const far = numberOutcomes(
      targets,
      targets.map((y, i) => y + 4 + (i % 3)),
    )
    const near = numberOutcomes(
      targets,
      targets.map((y, i) => y + 1 + (i % 3)),
    )
    const { difference, low, candidate, champion } = pairedBootstrap(near, far, 'rmse')
    expect(difference).toBeCloseTo(champion - candidate, 12)
    expect(low).toBeGreaterThan(0)
  })

  it('refuses outcomes of different rows', () => {
    expect(() =>
      pairedBootstrap(
        answers(10, () => true),
        answers(9, () => true),
        'accuracy',
      ),
    ).toThrow(/same rows, found 10 and 9/)
  })
})
