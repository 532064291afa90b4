import { describe, expect, it } from 'vitest'
import { trainTokeniser } from '../tokenisers/train/train.js'
import { packTexts, rowsOf, splitRows } from './rows.js'

const tokeniser = await trainTokeniser(['a b c d e f g h'], { kind: 'wordpiece', vocabularySize: 100, minFrequency: 1 })
const end = tokeniser.special.sep!
const pack = (...texts: string[]) => packTexts(texts, tokeniser, { end })

describe('packed rows', () => {
  it('hold the tokens of all texts, each followed by the end, and leave out the rest', async () => {
    const packed = await pack('a b c', ' ', 'd e', 'f')
    expect(packed.texts).toBe(3)
    expect(packed.ids).toBeInstanceOf(Uint16Array)
    const rows = rowsOf(packed, 4)
    expect(rows.count).toBe(2)
    expect([0, 1].map((row) => tokeniser.decode(rows.at(row), { skipSpecial: false }))).toEqual([
      'a b c [SEP]',
      'd e [SEP] f',
    ])
    expect(rowsOf(packed, 4, 2).starts).toEqual([0, 2, 4])
  })

  it('grow with the corpus', async () => {
    const packed = await packTexts(Array(30_000).fill('a b c d'), tokeniser, { end })
    expect(packed.ids.length).toBe(150_000)
    expect(packed.ids.at(-1)).toBe(end)
    expect(packed.ids[149_998]).toBe(tokeniser.idOf('d'))
  })

  it('are kept apart one of twenty, and each is either learnt or held', async () => {
    const rows = rowsOf(await packTexts(Array(100).fill('a b c'), tokeniser, { end }), 4)
    const { learnt, held } = splitRows(rows)
    expect([learnt.count, held.count]).toEqual([95, 5])
    expect([...learnt.starts, ...held.starts].sort((a, b) => a - b)).toEqual(rows.starts)
    const few = splitRows(rowsOf(await pack('a b c', 'd e f', 'g h a'), 4))
    expect([few.learnt.count, few.held.count]).toEqual([2, 1])
  })

  it('are refused where there are none', async () => {
    const packed = await pack('a b c')
    expect(() => rowsOf(packed, 5)).toThrow(/texts are 4 tokens, less than one row of 5/)
    expect(() => splitRows(rowsOf(packed, 4))).toThrow(/one row of 4 tokens/)
    const nothing = await pack()
    expect(() => rowsOf(nothing, 5)).toThrow(/no text to learn from/)
  })
})
