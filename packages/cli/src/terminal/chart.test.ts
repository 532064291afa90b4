import { describe, expect, it } from 'vitest'
import { bar, curve, sizeText, timeText } from './chart.js'
import { table } from './table.js'

describe('curve', () => {
  it('draws a rising line from the bottom left to the top right', () => {
    expect(curve([0, 1], { width: 4, height: 2, digits: 1 })).toEqual(['1.0 │  ⡠⠊', '0.0 │⡠⠊'])
  })
  it('draws a flat line in the middle and nothing for no value', () => {
    expect(curve([2, 2, 2], { width: 2, height: 1, digits: 0 })).toEqual(['2 │⠤⠤'])
    expect(curve([])).toEqual([])
    expect(curve([Number.NaN])).toEqual([])
  })
})

it('fills a bar by eighths', () => {
  expect(bar(0, 4)).toBe('░░░░')
  expect(bar(0.5, 4)).toBe('██░░')
  expect(bar(0.28125, 4)).toBe('█▏░░')
  expect(bar(2, 4)).toBe('████')
})

it('says times as a person would', () => {
  expect([0.4, 59.6, 185, 4320].map(timeText)).toEqual(['0 s', '1 min 00 s', '3 min 05 s', '1 h 12 min'])
})

it('says sizes as a person would', () => {
  expect([0, 999, 1000, 91_346_228, 4e9].map(sizeText)).toEqual(['0 B', '999 B', '1.00 kB', '91.3 MB', '4.00 GB'])
})

it('lays out columns, Chinese in two places a character', () => {
  expect(
    table(
      ['metric', 'value'],
      [
        ['准确率', '0.9'],
        ['f1', '0.95'],
      ],
    ),
  ).toBe('metric  value\n准确率    0.9\nf1       0.95')
})
