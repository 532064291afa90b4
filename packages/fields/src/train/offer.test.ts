import { describe, expect, it } from 'vitest'
import { outputType } from '../registry.js'
import type { Judged } from './choose.js'
import type { Dataset } from './dataset.js'
import { chooseWithOffer } from './offer.js'
import type { FittedOutput } from './outputs.js'

const rows = 400
const state = { classes: ['no', 'yes'], positive: 1 }
const output: FittedOutput = {
  name: 'paid',
  settings: { type: 'category', weight: 1 },
  type: outputType('category'),
  state,
}
const truth = Array.from({ length: rows }, (_, row) => ((row * 7) % 10 < 4 ? 1 : 0))
const data: Dataset = { rows, inputs: {}, labels: { paid: truth.map((label) => state.classes[label]!) }, keys: [] }

/** Scores that are wrong in the first rows. */
function wrongIn(wrong: number, name: string): Judged {
  const raw = new Float32Array(rows * 2)
  truth.forEach((label, row) => {
    raw[2 * row + 1] = (label === 1) === row >= wrong ? 2 : -2
  })
  return { name, raw: { paid: raw } }
}

const offer = (linear: number, probe: number) =>
  chooseWithOffer([output], [wrongIn(linear, 'linear'), wrongIn(probe, 'probe')], data, (name) => name === 'probe')

describe('a base that is offered', () => {
  it('stays where the error falls by a twentieth', () => {
    const { keepsBase, shares } = offer(100, 80)
    expect(keepsBase).toBe(true)
    expect(shares.map(({ weights }) => weights['paid'])).toEqual([0, 1])
  })

  it('is left out where it falls by less, and the report says by how much', () => {
    const { keepsBase, shares } = offer(100, 96)
    expect(keepsBase).toBe(false)
    expect(shares.map(({ candidate, weights }) => [candidate, weights['paid']])).toEqual([
      ['linear', 1],
      ['probe', 0],
    ])
    expect(shares[1]!.reason).toMatch(
      /^Left out: with it the error on validation rows falls by 4\.0 %, and it must be 5 %/,
    )
  })

  it('is left out where it is worse, and where nothing is wrong without it', () => {
    expect(offer(80, 100)).toMatchObject({ keepsBase: false })
    expect(offer(0, 0)).toMatchObject({ keepsBase: false })
  })

  it('stands by an output that is a number, whose error is its metric', () => {
    const amount: FittedOutput = {
      name: 'amount',
      settings: { type: 'number', weight: 1 },
      type: outputType('number'),
      state: { mean: 0, deviation: 1 } as FittedOutput['state'],
    }
    const targets = Array.from({ length: rows }, (_, row) => row % 10)
    const off = (by: number, name: string): Judged => ({
      name,
      raw: { amount: Float32Array.from(targets, (target, row) => target + (row % 2 ? by : -by)) },
    })
    const numbers: Dataset = { rows, inputs: {}, labels: { amount: targets }, keys: [] }
    const choice = (probe: number) =>
      chooseWithOffer([amount], [off(1, 'linear'), off(probe, 'probe')], numbers, (name) => name === 'probe').keepsBase
    expect([choice(0.5), choice(0.99)]).toEqual([true, false])
  })
})
