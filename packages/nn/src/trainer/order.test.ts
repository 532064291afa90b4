import { describe, expect, it } from 'vitest'
import { epochOrder, stepsPerEpoch } from './order.js'

const settings = { rows: 1003, batchSize: 8, accumulate: 3, seed: 5 }
const all = Array.from({ length: 1003 }, (_, i) => i)
const flat = (epoch: number, more = {}) =>
  epochOrder({ ...settings, ...more }, epoch)
    .flat()
    .flatMap((rows) => [...rows])

describe('epochOrder', () => {
  const length = (row: number) => (row * 7919) % 101

  it.each([{}, { length }])('holds each row once, in an order of its own for each epoch and seed', (more) => {
    expect(flat(0, more).toSorted((a, b) => a - b)).toEqual(all)
    expect(flat(0, more)).toEqual(flat(0, more))
    expect(flat(0, more)).not.toEqual(flat(1, more))
    expect(flat(0, more)).not.toEqual(flat(0, { ...more, seed: 6 }))
    const steps = epochOrder({ ...settings, ...more }, 0)
    expect(steps.length).toBe(stepsPerEpoch(settings))
    expect(Math.max(...steps.map((batches) => batches.length))).toBe(3)
  })

  it('puts rows of like length together: far less padding', () => {
    const padding = (more: object) =>
      epochOrder({ ...settings, ...more }, 0)
        .flat()
        .reduce((sum, rows) => {
          const lengths = [...rows].map(length)
          return sum + lengths.reduce((total, l) => total + Math.max(...lengths) - l, 0)
        }, 0)
    expect(padding({ length })).toBeLessThan(0.1 * padding({}))
  })
})
