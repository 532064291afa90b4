import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Row, tableFromRows } from '@volant/data'
import { afterAll, describe, expect, it } from 'vitest'
import { outputType } from '../registry.js'
import { parseSpec } from '../spec/parse.js'
import { candidate, data, output, rows } from '../testing/judged.js'
import type { Judged } from './choose.js'
import type { Dataset } from './dataset.js'
import { chooseWithOffer } from './offer.js'
import type { FittedOutput } from './outputs.js'
import { train } from './train.js'

/** Wrong in the first rows. */
const wrongIn = (wrong: number, name: string) => candidate(name, (row) => row >= wrong)

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

describe('our own English base', () => {
  const folder = mkdtempSync(join(tmpdir(), 'volant-offer-'))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  /** Messages on money and on the weather, with these words. */
  const messages = (words: Readonly<Record<string, readonly string[]>>): Row[] =>
    Object.entries(words).flatMap(([topic, own]) =>
      own.flatMap((word) =>
        ['a question about the', 'please tell me of the', 'what is it with the', 'again the'].map((start) => ({
          message: `${start} ${word}`,
          topic,
        })),
      ),
    )
  const known = messages({
    money: ['invoice', 'payment', 'refund', 'price', 'bank account'],
    weather: ['rain', 'sunshine', 'storm', 'snow', 'clouds'],
  })
  const later = messages({
    money: ['bill', 'fee', 'cost', 'receipt', 'credit card'],
    weather: ['thunder', 'hail', 'drizzle', 'fog', 'wind'],
  })
  const learn = (
    data: Row[],
    valid: Row[],
    spec = parseSpec({ inputs: { message: 'text' }, outputs: { topic: 'category' } }),
  ) => train({ data: tableFromRows(data), valid: tableFromRows(valid), spec, out: join(folder, String(Math.random())) })

  it('is taken where it knows words that the training rows have not, and the stored spec repeats it', async () => {
    const report = await learn(known, later)
    expect(report.base).toMatchObject({ name: 'english', licence: 'apache-2.0' })
    expect(report.metrics.valid!['topic']!.accuracy).toBeGreaterThan(0.9)
    expect(report.baselines.linear.valid!['topic']!.accuracy).toBeLessThan(0.8)
    expect(report.spec.train).toMatchObject({ base: 'english', candidates: ['linear', 'probe'] })
    expect((await learn(known, later, report.spec)).id).toBe(report.id)
  })

  it('is not looked at where the linear model makes no error, nor for texts of another language', async () => {
    const easy = await learn(known, known)
    expect(easy.base).toBeUndefined()
    expect(easy.chosen.map(({ candidate }) => candidate)).toEqual(['linear'])
    const shifted = (rows: Row[]) =>
      rows.map((row) => ({
        ...row,
        message: String(row['message']).replace(/[a-z]/g, (letter) =>
          String.fromCodePoint(letter.codePointAt(0)! + 0x4e00),
        ),
      }))
    const foreign = await learn(shifted(known), shifted(later))
    expect(foreign.chosen.map(({ candidate }) => candidate)).toEqual(['linear'])
    expect(foreign.spec.train.base).toBeUndefined()
  })
})
