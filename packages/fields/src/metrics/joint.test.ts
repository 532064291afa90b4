import { describe, expect, it } from 'vitest'
import { classOutcomes, jointBootstrap, numberOutcomes, pairedBootstrap } from './index.js'

/** Two-class outcomes of 200 rows; `wrong` says which rows the model gets wrong. */
function answers(wrong: (row: number) => boolean) {
  const labels = Array.from({ length: 200 }, (_, row) => row % 2)
  const probabilities = labels.flatMap((label, row) => {
    const answer = wrong(row) ? 1 - label : label
    return answer === 1 ? [0.1, 0.9] : [0.9, 0.1]
  })
  return classOutcomes(labels, probabilities, 2)
}

const rows = Array.from({ length: 200 }, (_, row) => row)
const good = answers((row) => row % 10 === 0)
const bad = answers((row) => row % 4 === 0)

describe('joint bootstrap', () => {
  it('is the paired bootstrap when there is one output', () => {
    const joint = jointBootstrap(
      { queue: { metric: 'accuracy', weight: 3, rows, candidate: good, champion: bad } },
      200,
    )
    const paired = pairedBootstrap(good, bad, 'accuracy')
    expect(joint.difference).toBeCloseTo(paired.difference, 12)
    expect(joint.interval[0]).toBeCloseTo(paired.low, 12)
    expect(joint.outputs['queue']!.interval[1]).toBeCloseTo(paired.high, 12)
  })

  it('weighs outputs and lets a loss on one outweigh a gain on the other', () => {
    const gained = { metric: 'accuracy', rows, candidate: good, champion: bad } as const
    const lost = { metric: 'accuracy', rows, candidate: bad, champion: good } as const
    expect(jointBootstrap({ a: { ...gained, weight: 1 }, b: { ...lost, weight: 1 } }, 200).difference).toBeCloseTo(
      0,
      12,
    )
    const mostlyLost = jointBootstrap({ a: { ...gained, weight: 1 }, b: { ...lost, weight: 4 } }, 200)
    expect(mostlyLost.interval[1]).toBeLessThan(0)
    expect(mostlyLost.outputs['a']!.interval[0]).toBeGreaterThan(0)
  })

  it('takes errors as a share of the champion, whatever their unit', () => {
    const targets = rows.map((row) => row * 1000)
    const off = (by: number) =>
      numberOutcomes(
        targets,
        targets.map((target, row) => target + (row % 2 ? by : -by)),
      )
    const { difference } = jointBootstrap(
      { price: { metric: 'rmse', weight: 1, rows, candidate: off(750), champion: off(1000) } },
      200,
    )
    expect(difference).toBeCloseTo(0.25, 9)
  })

  it('draws rows of the test set, of which an output may have only some', () => {
    const some = rows.filter((row) => row % 2 === 0)
    const half = (wrong: number) =>
      classOutcomes(
        some.map(() => 0),
        some.flatMap((row) => (row % wrong === 0 ? [0.2, 0.8] : [0.8, 0.2])),
        2,
      )
    const { outputs } = jointBootstrap(
      { spam: { metric: 'accuracy', weight: 1, rows: some, candidate: half(20), champion: half(4) } },
      200,
    )
    expect(outputs['spam']).toMatchObject({ candidate: 0.9, champion: 0.5 })
    expect(() =>
      jointBootstrap({ spam: { metric: 'accuracy', weight: 1, rows, candidate: half(4), champion: half(4) } }, 200),
    ).toThrow(/expected 200 rows/)
  })
})
