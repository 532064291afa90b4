import { describe, expect, it } from 'vitest'
import { charactersOf, corpusBleu } from './bleu.js'

const words = (text: string) => text.split(' ')

describe('BLEU', () => {
  it('is 100 for the reference itself and 0 for nothing in common', () => {
    expect(corpusBleu([words('a b c d e')], [words('a b c d e')])).toBeCloseTo(100)
    expect(corpusBleu([words('x y z w')], [words('a b c d')])).toBe(0)
  })

  it('counts clipped n-grams', () => {
    // the cat sat on the mat | the cat is on the mat: 5/6, 3/5, 1/4, 0/3 -> 1/(2·3) by smoothing; equal lengths.
    const expected = 100 * ((5 / 6) * (3 / 5) * (1 / 4) * (1 / 6)) ** 0.25
    expect(corpusBleu([words('the cat sat on the mat')], [words('the cat is on the mat')])).toBeCloseTo(expected, 10)
    // Of seven "the" only two count: 2/7, then 0/6, 0/5, 0/4, smoothed to 1/(2·6), 1/(4·5), 1/(8·4).
    const repeated = 100 * ((2 / 7) * (1 / 12) * (1 / 20) * (1 / 32)) ** 0.25
    expect(corpusBleu([words('the the the the the the the')], [words('the cat is on the mat x')])).toBeCloseTo(
      repeated,
      10,
    )
  })

  it('punishes what is too short, over the corpus and not by sentence', () => {
    expect(corpusBleu([words('a b c d')], [words('a b c d e f')])).toBeCloseTo(100 * Math.exp(1 - 6 / 4), 10)
    // 8 tokens against 8: no penalty though the first is short; n-grams 8/8, 6/6, 4/4, 2/2 less those of the extra e f.
    const found = corpusBleu([words('a b c d'), words('p q r s')], [words('a b c d'), words('p q r s')])
    expect(found).toBeCloseTo(100)
    const uneven = corpusBleu([words('a b c'), words('p q r s t')], [words('a b c x'), words('p q r s')])
    expect(uneven).toBeCloseTo(100 * ((7 / 8) * (5 / 6) * (3 / 4) * (1 / 2)) ** 0.25, 10)
  })

  it('goes by character where asked to', () => {
    expect(charactersOf('我 會\n游泳。')).toEqual(['我', '會', '游', '泳', '。'])
    expect(() => corpusBleu([[]], [])).toThrow('1 hypotheses, but 0 references')
  })
})
