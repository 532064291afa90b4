import { describe, expect, it } from 'vitest'
import { candidate, data, output, rows, truth } from '../testing/judged.js'
import { blendedAnswers, choose } from './choose.js'

describe('choose', () => {
  it('keeps the better of two that err in the same rows', () => {
    const { shares, blend } = choose(
      [output],
      [candidate('linear', (row) => row % 5 > 0), candidate('bag', (row) => row % 10 > 0)],
      data,
    )
    expect(shares.map(({ weights }) => weights['paid'])).toEqual([0, 1])
    expect(shares[1]!.reason).toMatch(/chosen by validation \(accuracy 0\.9000, logLoss/)
    expect(shares[0]!.reason).toMatch(/left out \(accuracy 0\.8000, .*; bag: accuracy 0\.9000/)
    expect(blend).toEqual({})
  })

  it('blends two that err in different rows, being unsure where they err, and calibrates the blend', () => {
    const first = candidate(
      'linear',
      (row) => row % 5 > 0,
      (row) => (row % 5 > 0 ? 3 : 0.3),
    )
    const second = candidate(
      'bag',
      (row) => row % 5 < 4,
      (row) => (row % 5 < 4 ? 3 : 0.3),
    )
    const { shares, blend } = choose([output], [first, second], data)
    expect(shares.every(({ weights }) => weights['paid']! > 0.2)).toBe(true)
    expect(blend['paid']!.temperature).toBeGreaterThan(0)
    const parts = shares.map((share, place) => ({ ...share, raw: [first, second][place]!.raw }))
    const answers = blendedAnswers([output], parts, blend)['paid']!
    const right = truth.filter((label, row) => answers[2 * row + 1]! > 0.5 === (label === 1)).length
    expect(right / rows).toBe(1)
  })

  it('keeps the linear model where another is ahead by few rows but surer of its mistakes', () => {
    const linear = candidate(
      'linear',
      (row) => row % 5 > 0,
      (row) => (row % 5 > 0 ? 3 : 0.1),
    )
    const lucky = candidate('bag', (row) => row % 5 > 0 || row === 5)
    const { shares } = choose([output], [linear, lucky], data)
    expect(shares[0]!.weights['paid']).toBeGreaterThan(0)
  })

  it('chooses the first where no row has a label', () => {
    const empty = { ...data, labels: { paid: truth.map(() => null) } }
    const { shares } = choose([output], [candidate('linear', () => true), candidate('bag', () => true)], empty)
    expect(shares.map(({ weights }) => weights['paid'])).toEqual([1, 0])
  })
})
