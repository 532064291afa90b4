import { fileURLToPath } from 'node:url'
import { beforeAll, describe, expect, it } from 'vitest'
import { openTokeniser } from '../tokenisers/open.js'
import { Tokeniser } from '../tokenisers/tokeniser.js'
import { trainTokeniser } from '../tokenisers/train/train.js'
import { partsOf } from './texts.js'
import { cutVocabulary, PieceCounts } from './vocabulary.js'

const lines = Array.from({ length: 40 }, (_, i) => `the transfer of my card number ${i % 7} was declined yesterday`)
let tokeniser: Tokeniser
beforeAll(async () => {
  tokeniser = await trainTokeniser([...lines, 'zebra crossing zebra crossing zebra'], {
    kind: 'wordpiece',
    vocabularySize: 150,
    lowerCase: true,
  })
})

function counted(texts: readonly string[]): Float64Array {
  const counts = new PieceCounts(tokeniser)
  for (const text of texts) counts.add(text)
  return counts.counts
}

describe('a vocabulary with fewer pieces', () => {
  it('encodes the words of the texts as before, and others in smaller pieces, none unknown', () => {
    const { files, kept } = cutVocabulary(tokeniser, counted(lines), 80)
    const small = new Tokeniser(files)
    expect(small.vocabularySize).toBe(80)
    expect(kept).toHaveLength(80)
    const words = ({ ids }: { ids: Int32Array }, of: Tokeniser) => Array.from(ids, (id) => of.tokenOf(id))
    const text = 'My transfer was declined'
    expect(words(small.encode(text), small)).toEqual(words(tokeniser.encode(text), tokeniser))
    const rare = words(small.encode('zebra'), small)
    expect(rare.length).toBeGreaterThan(words(tokeniser.encode('zebra'), tokeniser).length)
    expect(rare).not.toContain('[UNK]')
    expect(small.decode(small.encode('zebra').ids)).toBe('zebra')
  })

  it('each new id stands for the piece whose old id is told, special tokens too', () => {
    const { files, kept } = cutVocabulary(tokeniser, counted(lines), 90)
    const small = new Tokeniser(files)
    kept.forEach((old, id) => {
      expect(small.tokenOf(id)).toBe(tokeniser.tokenOf(old))
    })
    const [first, last] = [small.encode('card').ids[0], small.encode('card').ids.at(-1)]
    expect([first, last]).toEqual([small.idOf('[CLS]'), small.idOf('[SEP]')])
    expect(small.special.pad).toBe(small.idOf('[PAD]'))
  })

  it('one too small for the characters is refused with the least size, as are other kinds', async () => {
    expect(() => cutVocabulary(tokeniser, counted(lines), 20)).toThrow(
      /A vocabulary of 20 pieces .* alone are \d+; ask for more/,
    )
    const bpe = await trainTokeniser(lines, { kind: 'bpe', vocabularySize: 300 })
    expect(() => cutVocabulary(bpe, new Float64Array(300), 280)).toThrow('kind BPE cannot be cut, only WordPiece')
  })

  it('the fixture of letters, whose files are of the older form, can be cut too', async () => {
    const letters = await openTokeniser(fileURLToPath(new URL('../../test/fixtures/letters', import.meta.url)))
    const counts = new PieceCounts(letters)
    counts.add('abc')
    const all = letters.vocabularySize
    expect(new Tokeniser(cutVocabulary(letters, counts.counts, all).files).vocabularySize).toBe(all)
  })
})

describe('parts of texts', () => {
  it('are whole sentences of at most 48 words; long sentences are cut, what has no letters is left out', () => {
    const long = Array.from({ length: 100 }, (_, i) => `w${i}`).join(' ')
    expect(partsOf('One two. Three!\nFour? --- ...')).toEqual(['One two. Three! Four? --- ...'])
    expect(partsOf(`Short. ${long}`).map((part) => part.split(' ').length)).toEqual([1, 48, 48, 4])
    expect(partsOf('*** --- \n')).toEqual([])
    expect(partsOf('今天很好。我们去北京。')).toEqual(['今天很好。 我们去北京。'])
  })
})
