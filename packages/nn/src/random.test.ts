import { describe, expect, it } from 'vitest'
import { Random, threefry } from './random.js'

describe('threefry', () => {
  // Known answers of the Random123 library (kat_vectors, threefry2x32, 20 rounds).
  it.each([
    [
      [0, 0],
      [0, 0],
      [0x6b200159, 0x99ba4efe],
    ],
    [
      [0xffffffff, 0xffffffff],
      [0xffffffff, 0xffffffff],
      [0x1cb996fc, 0xbb002be7],
    ],
    [
      [0x13198a2e, 0x03707344],
      [0x243f6a88, 0x85a308d3],
      [0xc4923a9c, 0x483df7a0],
    ],
  ])('key %j, counter %j', (key, counter, expected) => {
    const out = new Uint32Array(2)
    threefry(key[0]!, key[1]!, counter[0]!, counter[1]!, out)
    expect([...out]).toEqual(expected)
  })
})

describe('Random', () => {
  it('repeats for the same seed and stream and differs for others', () => {
    const draws = (seed: number, stream: number | string) => {
      const random = new Random(seed, stream)
      return Array.from({ length: 5 }, () => random.uint32())
    }
    expect(draws(42, 'init')).toEqual(draws(42, 'init'))
    expect(draws(42, 'init')).not.toEqual(draws(43, 'init'))
    expect(draws(42, 'init')).not.toEqual(draws(42, 'shuffle'))
    expect(draws(2 ** 40 + 1, 0)).not.toEqual(draws(1, 0))
  })

  it('goes on from its counter', () => {
    const first = new Random(7)
    for (let i = 0; i < 5; i++) first.uint32()
    const second = new Random(7)
    second.counter = first.counter
    expect([second.uint32(), second.normal()]).toEqual([first.uint32(), first.normal()])
  })

  it('has the moments of the normal distribution', () => {
    const random = new Random(1)
    const draws = Array.from({ length: 20000 }, () => random.normal())
    const mean = draws.reduce((a, b) => a + b) / draws.length
    const variance = draws.reduce((a, b) => a + (b - mean) ** 2, 0) / draws.length
    expect(Math.abs(mean)).toBeLessThan(0.03)
    expect(Math.abs(variance - 1)).toBeLessThan(0.05)
  })

  it('shuffles evenly: each of 3! orders comes up', () => {
    const random = new Random(3)
    const counts = new Map<string, number>()
    for (let i = 0; i < 6000; i++) {
      const order = random.permutation(3).join('')
      counts.set(order, (counts.get(order) ?? 0) + 1)
    }
    expect(counts.size).toBe(6)
    for (const count of counts.values()) expect(Math.abs(count - 1000)).toBeLessThan(150)
  })
})
