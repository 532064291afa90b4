import { Random } from '@volant/nn'
import { describe, expect, it } from 'vitest'
import { Tokeniser } from '../tokenisers/tokeniser.js'
import { trainTokeniser } from '../tokenisers/train/train.js'
import { electraShares, maskTokens, maskWords } from './masking.js'

const words = ['playing', 'player', 'runs', 'running', 'a', 'of', 'plays']
const random = new Random(1, 'words')
const line = (length: number) => Array.from({ length }, () => words[random.integer(words.length)]!).join(' ')
const lines = Array.from({ length: 50 }, () => line(20))
const train = (kind: 'wordpiece' | 'bpe') => trainTokeniser(lines, { kind, vocabularySize: kind === 'bpe' ? 268 : 30 })
const [wordpiece, bpe] = [await train('wordpiece'), await train('bpe')]

describe('masking of whole words', () => {
  it.each([
    ['wordpiece', wordpiece],
    ['bpe', bpe],
  ] as const)('%s: all pieces of a word or none, 15 % of the tokens', (_, tokeniser) => {
    const tokens = maskTokens(tokeniser)
    let [masked, all] = [0, 0]
    for (const text of lines) {
      const ids = tokeniser.encode(` ${text}`).ids
      const { places } = maskWords(ids, tokens, random)
      const isMasked = (place: number) => places.includes(place)
      for (let place = 2; place < ids.length - 1; place++)
        if (tokens.continues[ids[place]!]) expect(isMasked(place)).toBe(isMasked(place - 1))
      expect(isMasked(0) || isMasked(ids.length - 1)).toBe(false)
      masked += places.length
      all += ids.length - 2
    }
    expect(tokens.continues.reduce((sum, one) => sum + one, 0)).toBeGreaterThan(3)
    expect(masked / all).toBeGreaterThan(0.13)
    expect(masked / all).toBeLessThan(0.16)
  })

  it('80 % become the mask, 10 % another token, 10 % stay; with ELECTRA all become the mask', () => {
    const tokens = maskTokens(wordpiece)
    const row = wordpiece.encode(line(20_000)).ids
    const count = (shares: Parameters<typeof maskWords>[3]) => {
      const { ids, places } = maskWords(row, tokens, new Random(2, 'masks'), shares)
      const share = (is: (place: number) => boolean) => places.filter(is).length / places.length
      expect(places.every((place) => ids[place] === tokens.mask || !tokens.special[ids[place]!])).toBe(true)
      expect(ids.every((id, place) => id === row[place] || places.includes(place))).toBe(true)
      return [share((place) => ids[place] === tokens.mask), share((place) => ids[place] === row[place])]
    }
    const [mask, same] = count(undefined)
    expect(mask).toBeCloseTo(0.8, 1)
    // One of the random ones may be the token itself.
    expect(same).toBeCloseTo(0.1, 1)
    expect(count(electraShares)).toEqual([1, 0])
  })

  it('is drawn anew by each stream, the same by the same', () => {
    const tokens = maskTokens(wordpiece)
    const row = wordpiece.encode(line(100)).ids
    const draw = (stream: string) => maskWords(row, tokens, new Random(3, stream)).places
    expect(draw('a')).toEqual(draw('a'))
    expect(draw('a')).not.toEqual(draw('b'))
  })

  it('chooses a token of a row that is one long word, and needs a mask token', () => {
    const [, first] = wordpiece.encode('playing').ids
    const goesOn = wordpiece.tokens.findIndex((token) => token?.startsWith('##'))
    const row = Int32Array.from([first!, ...Array(50).fill(goesOn)])
    expect(maskWords(row, maskTokens(wordpiece), random).places).toEqual([0])
    const { added_tokens, ...rest } = wordpiece.files.tokenizer
    const without = added_tokens.filter(({ content }) => content !== '[MASK]')
    const { vocab, ...model } = rest.model as { vocab: Record<string, number> } & typeof rest.model
    const { '[MASK]': _, ...others } = vocab
    const tokenizer = { ...rest, added_tokens: without, model: { ...model, vocab: others } } as typeof rest & {
      added_tokens: typeof added_tokens
    }
    expect(() => maskTokens(new Tokeniser({ tokenizer }))).toThrow(/no mask token/)
  })
})
