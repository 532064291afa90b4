import { describe, expect, it } from 'vitest'
import { isUnspaced, piecesOf } from './pieces.js'
import { encodeTokens, fitTokens, tokenStreams } from './tokens.js'

const idsOf = (texts: (string | null)[], state: ReturnType<typeof fitTokens>) => {
  const { '.ids': ids, '.weights': weights } = encodeTokens(texts, state).tensors()
  const width = ids!.dims[1]!
  return texts.map((_, row) => ({
    ids: Array.from((ids!.data as BigInt64Array).slice(row * width, (row + 1) * width), Number),
    weights: Array.from((weights!.data as Float32Array).slice(row * width, (row + 1) * width)),
  }))
}

describe('pieces', () => {
  it('are words, and marks one by one', () => {
    expect(piecesOf("Don't stop, OK?!")).toEqual(['don', "'", 't', 'stop', ',', 'ok', '?', '!'])
    expect(piecesOf('a_1 é2\u0301 ')).toEqual(['a_1', 'é2\u0301'])
    expect(piecesOf('')).toEqual([])
  })

  it('segment scripts without spaces', () => {
    expect(piecesOf('我的银行卡丢了！help')).toEqual(['我', '的', '银行卡', '丢', '了', '！', 'help'])
    expect(isUnspaced('我的银行卡丢了 help')).toBe(true)
    expect(isUnspaced('the sign for one is 一')).toBe(false)
  })
})

describe('tokens', () => {
  it('are spelt by themselves and by their character n-grams', () => {
    const state = fitTokens(['the card', 'the cart'], 8)
    expect(state.tokens.slice().sort()).toEqual(['card', 'cart', 'the'])
    const [card, cart] = idsOf(['card', 'cart'], state)
    // <card>: 4 trigrams, 3 of four characters, 2 of five, beside the token itself.
    expect(card!.weights.filter((weight) => weight > 0)).toEqual([1, ...new Array(9).fill(Math.fround(1 / 9))])
    const shared = card!.ids.slice(0, 10).filter((id) => cart!.ids.slice(0, 10).includes(id))
    expect(card!.ids[0]).not.toBe(cart!.ids[0])
    // <ca, car, <car
    expect(shared.length).toBe(3)
  })

  it('give a word never seen the id of unknown ones and n-grams of its own', () => {
    const state = fitTokens(['the card'], 8)
    const [first, second] = idsOf(['cards', 'zzz'], state)
    expect(first!.ids[0]).toBe(1)
    expect(second!.ids[0]).toBe(1)
    expect(first!.ids.slice(1, 4)).not.toEqual(second!.ids.slice(1, 4))
  })

  it('are characters with what follows and the word around them, where words are unspaced', () => {
    const state = fitTokens(['我的银行卡', '银行卡丢了'], 8)
    expect(state.slots).toBe(4)
    expect(state.tokens).toContain('银')
    const [left, right] = idsOf(['银行卡', '银行卡'], state)
    expect(left).toEqual(right)
    expect(left!.weights.length).toBe(12)
  })

  it('are padded to whole tokens, missing texts to one', () => {
    const state = fitTokens(['one two three'], 2)
    const column = encodeTokens(['one two three', null], state)
    const { '.ids': ids, '.weights': weights } = column.tensors()
    expect(tokenStreams(state)[0]!.dims).toEqual(['16*tokens'])
    expect(ids!.dims).toEqual([2, 32])
    expect(Array.from((weights!.data as Float32Array).slice(32))).toEqual(new Array(32).fill(0))
    expect([column.length!(0), column.length!(1)]).toEqual([2, 0])
    expect(encodeTokens([null], state).tensors()['.ids']!.dims).toEqual([1, 16])
  })
})
