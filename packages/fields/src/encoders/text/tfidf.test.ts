import { charNgrams } from '@volant/data'
import { describe, expect, it } from 'vitest'
import { defaultNgrams, wordHashes } from './ngrams.js'
import { tfidf } from './tfidf.js'

const texts = [
  'Where is my card? My card has not arrived.',
  'I want my money back, please!',
  'The card was declined twice; is the card broken?',
  'back back back to the shop',
]

/** TF-IDF as scikit-learn documents it (sublinear, smooth idf, L2), straight from the words of the definition. */
function reference(analyse: (text: string) => string[]): Map<string, number>[] {
  const documents = texts.map(analyse)
  const df = new Map<string, number>()
  for (const grams of documents) for (const gram of new Set(grams)) df.set(gram, (df.get(gram) ?? 0) + 1)
  return documents.map((grams) => {
    const weights = new Map<string, number>()
    for (const gram of new Set(grams)) {
      const tf = 1 + Math.log(grams.filter((other) => other === gram).length)
      weights.set(gram, tf * (Math.log((1 + texts.length) / (1 + df.get(gram)!)) + 1))
    }
    const length = Math.hypot(...weights.values())
    return new Map([...weights].map(([gram, weight]) => [gram, weight / length]))
  })
}

describe('tfidf', () => {
  const state = tfidf.fit(texts, {})
  const matrix = tfidf.wide!.rows(texts, state)
  const row = (place: number) => Array.from(matrix.values.slice(matrix.indptr[place], matrix.indptr[place + 1]))

  it('weighs words and characters within words as scikit-learn does', () => {
    const byWords = reference((text) => Array.from(wordHashes(text, defaultNgrams.words), String))
    const byCharacters = reference((text) => charNgrams(text.toLowerCase(), 2, 5))
    texts.forEach((_, place) => {
      const expected = [...byWords[place]!.values(), ...byCharacters[place]!.values()].sort((a, b) => a - b)
      const found = row(place).sort((a, b) => a - b)
      expect(found.length).toBe(expected.length)
      found.forEach((value, at) => {
        expect(value).toBeCloseTo(expected[at]!, 6)
      })
    })
  })

  it('gives the same tensors in training and serving, padded with weight 0', () => {
    const column = tfidf.encode([null, texts[3]!], state)
    const { '.ids': ids, '.weights': weights } = column.tensors()
    expect(ids!.dims).toEqual([2, row(3).length])
    expect(Array.from(weights!.data as Float32Array).slice(0, row(3).length)).toEqual(new Array(row(3).length).fill(0))
    expect(Array.from(weights!.data as Float32Array).slice(row(3).length)).toEqual(row(3))
    const columns = Array.from(matrix.indices.slice(matrix.indptr[3], matrix.indptr[4]))
    expect(
      Array.from(ids!.data as BigInt64Array)
        .slice(row(3).length)
        .map(Number),
    ).toEqual(columns)
  })

  it('ignores what it has not seen', () => {
    const { '.weights': weights } = tfidf.encode(['xyz qqq'], state).tensors()
    expect(Array.from(weights!.data as Float32Array)).toEqual([0])
  })
})
