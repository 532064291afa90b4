import { existsSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { openTable } from './import/open.js'
import type { Cell } from './table/table.js'
import {
  inferOutputType,
  inferType,
  isMissing,
  isMissingNumber,
  missingLabels,
  parseBoolean,
  parseNumber,
} from './types.js'

const repeat = (values: Cell[], times: number): Cell[] => Array.from({ length: times }, () => values).flat()

describe('cells', () => {
  it.each<[Cell, number | undefined]>([
    ['1', 1],
    [' -1.5e3 ', -1500],
    ['.5', 0.5],
    ['5.', 5],
    ['+2', 2],
    [3, 3],
    [true, 1],
    ['', undefined],
    ['1,000', undefined],
    ['12 €', undefined],
    ['0x10', undefined],
    ['NaN', undefined],
    ['1e999', undefined],
    [null, undefined],
    [Number.NaN, undefined],
  ])('parseNumber(%j) is %j', (cell, expected) => {
    expect(parseNumber(cell)).toBe(expected)
  })

  it('knows true and false, and nothing else, as booleans', () => {
    expect([' True', 'FALSE', false, 'yes', '1', 1, null].map((cell) => parseBoolean(cell))).toEqual([
      true,
      false,
      false,
      undefined,
      undefined,
      undefined,
      undefined,
    ])
  })

  it('knows what is missing', () => {
    expect([null, undefined, ' \t', Number.NaN].map((cell) => isMissing(cell))).toEqual([true, true, true, true])
    expect(['n/a', 0, 'x', false].map((cell) => isMissing(cell))).toEqual([false, false, false, false])
    expect(['n/a', '?', 'NaN', ' - ', 'inf', 'no'].map((cell) => isMissingNumber(cell))).toEqual([
      true,
      true,
      true,
      true,
      true,
      false,
    ])
  })
})

describe('inferType', () => {
  it.each<[string, Cell[]]>([
    ['empty', [null, ' ', null]],
    ['constant', ['a', 'a', ' a', null]],
    ['boolean', ['true', 'False', null]],
    ['boolean', [true, false]],
    ['number', ['1', '2.5', '', '-3', '2']],
    ['number', ['1', '2', 'n/a', '?', '3', '1']],
    ['number', [1, 2, 3.5, null, 1]],
    ['category', repeat(['007', '042', '113'], 30)],
    ['category', repeat(['yes', 'no'], 30)],
    ['category', repeat(['red', 'green', '1'], 30)],
    ['id', Array.from({ length: 100 }, (_, at) => `${at + 1}`)],
    ['id', Array.from({ length: 100 }, (_, at) => `user-${at * 7919}`)],
    ['id', Array.from({ length: 100 }, (_, at) => `ann${at}@example.org`)],
    ['text', Array.from({ length: 100 }, (_, at) => `${String.fromCharCode(97 + (at % 26))}${'xyzw'[at % 4]}o card`)],
    ['number', Array.from({ length: 100 }, (_, at) => `${at}.5`)],
    ['text', Array.from({ length: 100 }, (_, at) => `please help me with card number ${at}`)],
    ['text', Array.from({ length: 100 }, (_, at) => `我的卡${at}号在哪里，请帮我找一下`)],
  ])('%s', (type, cells) => {
    expect(inferType(cells)).toBe(type)
  })

  it('of outputs: true/false, text or two whole numbers as classes, other numbers as numbers', () => {
    expect(inferOutputType(['true', 'false'])).toBe('boolean')
    expect(inferOutputType(['0', '1', null])).toBe('category')
    expect(inferOutputType(['0', '1', 'NA', 'n/a', '?'])).toBe('category')
    expect(inferOutputType(['5', 'NA', '5'])).toBe('constant')
    expect(inferOutputType(['NA', '?'])).toBe('empty')
    expect(inferOutputType(['a', 'none', 'a'])).toBe('category')
    expect(missingLabels([0, 1, ' NA ', 'n/a', null])).toEqual(['NA', 'n/a'])
    expect(missingLabels(['true', 'false', 'NA'])).toEqual(['NA'])
    expect(missingLabels(['bug', 'none', '1'])).toEqual([])
    expect(inferOutputType(['0', '1', '2'])).toBe('number')
    expect(inferOutputType(['0.5', '1.5'])).toBe('number')
    expect(inferOutputType(['01', '02', '03'])).toBe('category')
    expect(inferOutputType(['a', '1'])).toBe('category')
    expect(inferOutputType(['a', 'a'])).toBe('constant')
    expect(inferOutputType([null, ''])).toBe('empty')
  })

  const telco = '../shared/data/telco_churn/train.csv'
  it.skipIf(!existsSync(telco))('of the columns of telco_churn (skipped where the set is absent)', async () => {
    const table = await openTable(telco)
    const type = async (name: string) => inferType(await table.column(name))
    expect(await type('customerID')).toBe('id')
    expect(await type('TotalCharges')).toBe('number')
    expect(await type('tenure')).toBe('number')
    expect(await type('Contract')).toBe('category')
  })
})
