import { describe, expect, it } from 'vitest'
import { compareScores, measureScores, type Scores } from './scores.js'

type Output = Scores['outputs'][string]

/** Scores of a two-class output on 300 rows; `wrong` says which answers are wrong. */
function output(wrong: (row: number) => boolean, weight = 1): Output {
  const rows = Array.from({ length: 300 }, (_, row) => row)
  const labels = rows.map((row) => (row % 2 ? 'a' : 'b'))
  const answers = rows.map((row) => (wrong(row) ? (row % 2 ? 'b' : 'a') : labels[row]!))
  return {
    primary: 'accuracy',
    higherIsBetter: true,
    rows,
    labels,
    values: answers,
    classes: ['a', 'b'],
    probabilities: answers.map((answer) => (answer === 'a' ? [0.9, 0.1] : [0.1, 0.9])),
    positive: 'a',
    weight,
  } as Output
}
const every = (n: number) => (row: number) => row % n === 0
const scores = (outputs: Record<string, Output>): Scores => ({ rows: 300, outputs })

describe('scores', () => {
  it('count a label that the model has never seen as a wrong answer', () => {
    const seen = output(() => false)
    const unseen = { ...seen, labels: seen.labels.map((label, row) => (row < 30 ? 'new' : label)) } as Output
    expect(measureScores(scores({ queue: unseen })).metrics['queue']!['accuracy']).toBeCloseTo(0.9, 12)
  })

  it('tell which share can be answered alone, and null for numbers', () => {
    const number = {
      primary: 'rmse',
      higherIsBetter: false,
      rows: [0, 1],
      labels: [1, 2],
      values: [1, 4],
      positive: null,
      weight: 1,
    } as unknown as Output
    const measured = measureScores({ rows: 300, outputs: { queue: output(every(30)), minutes: number } })
    expect(measured.coverage['queue']).toMatchObject({ precision: 0.95, share: 1 })
    expect(measured.coverage['minutes']).toBeNull()
    expect(measured.metrics['minutes']!['rmse']).toBeCloseTo(Math.SQRT2, 12)
  })

  it('compare a champion with fewer classes to a candidate with more', () => {
    const champion = scores({
      queue: {
        ...output(every(3)),
        classes: ['b', 'a'],
        probabilities: output(every(3)).probabilities!.map(([a, b]) => [b!, a!]),
      } as Output,
    })
    const candidate = output(every(10))
    const wider = {
      ...candidate,
      classes: ['a', 'b', 'c'],
      probabilities: candidate.probabilities!.map((row) => [...row, 0]),
    } as Output
    const gate = compareScores(champion, scores({ queue: wider }))!
    expect(gate.outputs['queue']!.champion).toBeCloseTo(2 / 3, 12)
    expect(gate.difference).toBeCloseTo(0.9 - 2 / 3, 12)
  })

  it('have nothing to compare when the outputs differ', () => {
    expect(compareScores(scores({ a: output(every(2)) }), scores({ b: output(every(2)) }))).toBeNull()
  })
})

describe('the comparison of two models', () => {
  it('follows the measured difference, with its sign', () => {
    const interval = (before: number, now: number) =>
      compareScores(scores({ q: output(every(before)) }), scores({ q: output(every(now)) }))!.interval
    expect(interval(4, 20)[0]).toBeGreaterThan(0)
    expect(interval(20, 4)[1]).toBeLessThan(0)
    expect(interval(10, 10)).toEqual([0, 0])
  })

  it('weighs outputs', () => {
    const before = scores({ queue: output(every(4)), spam: output(every(20)) })
    const now = (weight: number) => scores({ queue: output(() => false, weight), spam: output(every(6)) })
    const gate = compareScores(before, now(3))!
    expect(gate.difference).toBeCloseTo((3 * 0.25 - (50 - 15) / 300) / 4, 12)
    expect(gate.interval[0]).toBeGreaterThan(0)
    expect(gate.outputs['spam']!.interval[1]).toBeLessThan(0)
    expect(compareScores(before, now(0.1))!.interval[1]).toBeLessThan(0)
  })
})
