import { existsSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { openTable } from '../import/open.js'
import type { Cell } from '../table/table.js'
import { deduplicate, duplicateKeys, normalisedText, rowHash } from './duplicates.js'
import { randomStream, shuffledIndices } from './random.js'
import { split } from './split.js'

const usual = { ratios: [0.8, 0.1, 0.1], seed: 42 } as const
const names = ['train', 'valid', 'test'] as const

describe('split', () => {
  it('puts every row in one part, in order, by the ratios', () => {
    const parts = split(1000, usual)
    expect(names.map((name) => parts[name].length)).toEqual([800, 100, 100])
    expect([...parts.train, ...parts.valid, ...parts.test].sort((a, b) => a - b)).toEqual(
      Array.from({ length: 1000 }, (_, at) => at),
    )
    expect(parts.train).toEqual([...parts.train].sort((a, b) => a - b))
  })

  it('depends on the seed alone', () => {
    const labels: Cell[] = Array.from({ length: 500 }, (_, at) => `c${at % 7}`)
    const once = split(500, { ...usual, stratify: [labels] })
    expect(split(500, { ...usual, stratify: [labels] })).toEqual(once)
    expect(split(500, { ...usual, seed: 43, stratify: [labels] })).not.toEqual(once)
  })

  it('leaves a part of share 0 empty', () => {
    expect(split(100, { ratios: [0.9, 0.1, 0], seed: 1 })).toMatchObject({ test: [] })
    expect(split(100, { ratios: [0.9, 0, 0.1], seed: 1 })).toMatchObject({ valid: [] })
  })

  it('keeps classes in balance, several targets and missing labels too', () => {
    const random = randomStream(3)
    const queue: Cell[] = Array.from({ length: 5000 }, () => ['a', 'a', 'a', 'b', 'c', null][Math.floor(random() * 6)]!)
    const spam: Cell[] = Array.from({ length: 5000 }, () => (random() < 0.03 ? 'yes' : 'no'))
    const parts = split(5000, { ...usual, stratify: [queue, spam] })
    for (const cells of [queue, spam]) {
      for (const label of new Set(cells)) {
        const all = cells.filter((cell) => cell === label).length
        for (const [name, share] of [
          ['train', 0.8],
          ['valid', 0.1],
          ['test', 0.1],
        ] as const) {
          const got = parts[name].filter((row) => cells[row] === label).length
          expect(Math.abs(got - share * all), `${label} in ${name}`).toBeLessThanOrEqual(2)
        }
      }
    }
  })

  it('balances a numeric target by its ranges', () => {
    const values: Cell[] = Array.from({ length: 3000 }, (_, at) => String((at * 7919) % 3001))
    const parts = split(3000, { ...usual, stratify: [values] })
    const mean = (rows: number[]) => rows.reduce((sum, row) => sum + Number(values[row]), 0) / rows.length
    expect(parts.test).toHaveLength(300)
    expect(Math.abs(mean(parts.test) - mean(parts.train))).toBeLessThan(100)
  })

  it('gives every class a training row, however small', () => {
    for (let seed = 0; seed < 50; seed++) {
      const labels: Cell[] = [
        ...Array.from({ length: 30 }, (_, at) => `single${at}`),
        ...Array.from({ length: 20 }, (_, at) => `pair${at >> 1}`),
        ...Array<Cell>(100).fill('big'),
      ]
      const parts = split(labels.length, { ...usual, seed, stratify: [labels] })
      expect(new Set(parts.train.map((row) => labels[row])).size, `seed ${seed}`).toBe(new Set(labels).size)
      expect(parts.valid.length + parts.test.length).toBeGreaterThan(0)
    }
  })

  it('keeps rows of a group on one side, and still near the ratios', () => {
    const random = randomStream(11)
    const groups = Array.from({ length: 4000 }, () => `g${Math.floor(random() * 900)}`)
    const labels: Cell[] = groups.map((group) => `c${group.length}`)
    const parts = split(4000, { ...usual, stratify: [labels], groups })
    const side = new Map<string, string>()
    for (const name of names) {
      for (const row of parts[name]) {
        expect(side.get(groups[row]!) ?? name).toBe(name)
        side.set(groups[row]!, name)
      }
    }
    expect(Math.abs(parts.test.length - 400)).toBeLessThan(40)
  })

  it('puts one giant group into training', () => {
    const groups = Array.from({ length: 1000 }, (_, at) => (at < 700 ? 'giant' : `g${at}`))
    const parts = split(1000, { ...usual, groups })
    expect(parts.train.filter((row) => row < 700)).toHaveLength(700)
    expect(parts.test.length).toBe(100)
  })

  it('works on one row and on none, and refuses bad ratios', () => {
    expect(split(1, usual)).toEqual({ train: [0], valid: [], test: [] })
    expect(split(0, usual)).toEqual({ train: [], valid: [], test: [] })
    for (const ratios of [
      [0, 1, 1],
      [-1, 1, 1],
      [Number.NaN, 0, 1],
    ] as [number, number, number][]) {
      expect(() => split(10, { ratios, seed: 1 })).toThrow(expect.objectContaining({ code: 'bad-split' }))
    }
  })

  const banking = '../shared/data/banking77/train.csv'
  it.skipIf(!existsSync(banking))(
    'shares the 77 classes of banking77 out evenly (skipped where the set is absent)',
    async () => {
      const table = await openTable(banking)
      const { text, label } = await table.toColumns()
      const groups = duplicateKeys([text!], { normalised: true })
      const parts = split(table.rowCount, { ...usual, stratify: [label!], groups })
      expect(new Set(parts.test.map((row) => label![row])).size).toBe(77)
      expect(Math.abs(parts.test.length - 0.1 * table.rowCount)).toBeLessThan(0.01 * table.rowCount)
    },
  )
})

describe('duplicates', () => {
  it('finds equal rows, exactly or normalised', () => {
    const text = ['Where is my card?', 'where is my  CARD', 'where is it', 'Where is my card?', null, null]
    const plan = ['a', 'a', 'a', 'a', 'b', 'b']
    expect(deduplicate([text, plan])).toEqual({
      kept: [0, 1, 2, 4],
      removed: 2,
      firstOf: Int32Array.of(0, 1, 2, 0, 4, 4),
    })
    expect(deduplicate([text, plan], { normalised: true }).kept).toEqual([0, 2, 4])
  })

  it('tells apart what only looks alike when joined', () => {
    expect(
      deduplicate([
        ['a', 'ab', '1', 1, true, 'true', null, 'x'],
        ['bc', 'c', '', '', '', '', '', ''],
      ]).removed,
    ).toBe(0)
  })

  it('normalises words but neither numbers nor bare signs', () => {
    expect(normalisedText('  Ｈello,\tWÖRLD!! ')).toBe('hello wörld')
    expect([normalisedText('-5'), normalisedText(' 5 '), normalisedText('!!!'), normalisedText('1.5')]).toEqual([
      '-5',
      '5',
      '!!!',
      '1.5',
    ])
  })

  it('hashes rows by content: order of keys and nulls do not matter, kinds do', () => {
    const hash = rowHash({ b: 'x', a: 1, c: null })
    expect(hash).toBe(rowHash({ a: 1, b: 'x' }))
    // sha256 of {"a":1,"b":"x"}, by coreutils' sha256sum.
    expect(hash).toBe(SHA)
    expect(rowHash({ a: '1', b: 'x' })).not.toBe(hash)
    expect(rowHash({ a: Number.NaN })).not.toBe(rowHash({ a: 'NaN' }))
  })
})

const SHA = 'ecf9e98ec0641e23113ff3ce8bdc78d0ddd249886517fd4a7f68cc83d4e65667'

describe('random', () => {
  it('gives each order equally often', () => {
    const counts = new Map<string, number>()
    for (let seed = 0; seed < 6000; seed++) {
      const order = shuffledIndices(3, seed).join('')
      counts.set(order, (counts.get(order) ?? 0) + 1)
    }
    expect(counts.size).toBe(6)
    for (const count of counts.values()) expect(Math.abs(count - 1000)).toBeLessThan(150)
  })
})
