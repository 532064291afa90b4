import { describe, expect, it } from 'vitest'
import { constant, cosine, exponentialDecay, oneCycle, type Schedule, stepDecay, warmUp } from './schedules.js'

const course = (schedule: Schedule, total: number) => Array.from({ length: total }, (_, step) => schedule(step, total))
const rounded = (rates: number[]) => rates.map((rate) => Number(rate.toFixed(6)))

describe('schedules', () => {
  it('constant', () => expect(course(constant(0.1), 3)).toEqual([0.1, 0.1, 0.1]))

  it('warm-up by steps and by a fraction of the run', () => {
    expect(rounded(course(warmUp(3, constant(0.4)), 5))).toEqual([0.1, 0.2, 0.3, 0.4, 0.4])
    expect(rounded(course(warmUp(0.6, constant(0.4)), 5))).toEqual([0.1, 0.2, 0.3, 0.4, 0.4])
    expect(() => warmUp(-1, constant(1))).toThrow('steps is -1')
  })

  it('steps down', () => {
    expect(rounded(course(stepDecay(1, { every: 2, factor: 0.5 }), 5))).toEqual([1, 1, 0.5, 0.5, 0.25])
    expect(rounded(course(stepDecay(1, { every: 0.5, factor: 0.1 }), 4))).toEqual([1, 1, 0.1, 0.1])
  })

  it('falls exponentially', () => {
    expect(rounded(course(exponentialDecay(1, { every: 2, factor: 0.25 }), 4))).toEqual([1, 0.5, 0.25, 0.125])
    expect(exponentialDecay(2, { factor: 0.1 })(10, 10)).toBeCloseTo(0.2)
  })

  it('follows a cosine to the floor', () => {
    expect(rounded(course(cosine(1), 4))).toEqual([1, 0.853553, 0.5, 0.146447])
    expect(cosine(1, { floor: 0.1 })(4, 4)).toBeCloseTo(0.1)
  })

  it('goes up and down once', () => {
    const rates = course(oneCycle(1, { rise: 0.5, start: 10, end: 100 }), 5)
    expect(rounded(rates)).toEqual([0.1, 0.55, 1, 0.5005, 0.001])
  })

  it('runs the inner schedule over what is left after the warm-up', () => {
    expect(warmUp(2, cosine(1))(2, 6)).toBe(1)
    expect(warmUp(2, cosine(1))(6, 6)).toBeCloseTo(0)
  })
})
