import { describe, expect, it } from 'vitest'
import { type Candidate, chooseQuestions, uncertaintyOf } from './selection.js'

function candidate(text: string, p: number): Candidate {
  const probabilities = { a: p, b: 1 - p }
  return { inputs: { text }, output: { value: p >= 0.5 ? 'a' : 'b', probability: Math.max(p, 1 - p), probabilities } }
}

describe('questions', () => {
  it('measure uncertainty by the margin of the first two classes', () => {
    expect(uncertaintyOf({ value: 'a', probabilities: { a: 0.5, b: 0.3, c: 0.2 } })).toBeCloseTo(0.8, 12)
    expect(uncertaintyOf({ value: 'a', probabilities: { a: 1, b: 0 } })).toBe(0)
    expect(uncertaintyOf({ value: 3 })).toBe(0.5)
  })

  it('ask the least sure rows first', () => {
    const rows = [0.99, 0.51, 0.8, 0.45, 0.02].map((p, at) => candidate(`row ${at}`, p))
    expect(chooseQuestions(rows, { limit: 3, strategy: 'uncertain', seed: 1 })).toEqual([1, 3, 2])
  })

  it('spread: of equally unsure rows that say the same, ask one', () => {
    const same = Array.from({ length: 10 }, () => candidate('where is my parcel', 0.5))
    const other = [candidate('reset the password please', 0.52), candidate('invoice twice charged', 0.47)]
    const chosen = chooseQuestions([...same, ...other], { limit: 3, strategy: 'diverse', seed: 1 })
    expect(chosen).toContain(10)
    expect(chosen).toContain(11)
    expect(chooseQuestions([...same, ...other], { limit: 3, strategy: 'uncertain', seed: 1 })).not.toContain(10)
  })

  it('choose at random, the same for the same seed', () => {
    const rows = Array.from({ length: 50 }, (_, at) => candidate(`row ${at}`, at / 50))
    const ask = (seed: number) => chooseQuestions(rows, { limit: 10, strategy: 'random', seed })
    expect(ask(1)).toEqual(ask(1))
    expect(ask(1)).not.toEqual(ask(2))
    expect(new Set(ask(1)).size).toBe(10)
  })

  it('give all there are when there are fewer', () => {
    const rows = [candidate('one', 0.6), candidate('two', 0.7)]
    for (const strategy of ['diverse', 'uncertain', 'random'] as const)
      expect(chooseQuestions(rows, { limit: 10, strategy, seed: 1 }).toSorted()).toEqual([0, 1])
  })
})
