import { PairTable } from '../pair-table.js'
import type { CharacterText } from './text.js'

/** A substring of the text: where it first occurs, how long it is and how often it occurs. */
export interface Seed {
  readonly at: number
  readonly length: number
  readonly count: number
}

/** Longer substrings are no seeds (SentencePiece's max_sentencepiece_length). */
const longest = 16

/**
 * The frequent substrings of words from which unigram pieces are chosen: every single character, and of the longer ones
 * those with the largest count times length. Substrings grow by one character at a time out of two frequent ones that
 * overlap; one that is always followed by the same character is left to the longer one.
 */
export function seedPieces(text: CharacterText, minFrequency: number, most: number): Seed[] {
  let grams = singleCharacters(text)
  const characters = grams.seeds
  const found: Seed[] = []
  for (let length = 2; length <= longest; length++) {
    const longer = grow(text, grams, length, minFrequency)
    if (length > 2)
      grams.seeds.forEach((seed, id) => {
        if (!longer.coversPrefix[id]) found.push(seed)
      })
    grams = longer
    if (grams.seeds.length === 0) break
  }
  for (const seed of grams.seeds) if (seed.length === longest) found.push(seed)
  found.sort((a, b) => b.count * b.length - a.count * a.length || a.at - b.at || a.length - b.length)
  return [...characters, ...found.slice(0, most)]
}

/** Substrings of one length, and the number of the one that starts at each place, or -1. */
interface Grams {
  readonly seeds: readonly Seed[]
  readonly at: Int32Array
}

function singleCharacters({ alphabet, characters, starts, counts }: CharacterText): Grams {
  const total = new Float64Array(alphabet.length)
  const first = new Int32Array(alphabet.length).fill(-1)
  for (let word = 0; word < counts.length; word++)
    for (let at = starts[word]!; at < starts[word + 1]!; at++) {
      total[characters[at]!]! += counts[word]!
      if (first[characters[at]!] === -1) first[characters[at]!] = at
    }
  const seeds = Array.from(alphabet, (_, i) => ({ at: first[i]!, length: 1, count: total[i]! }))
  return { seeds, at: characters }
}

function grow(text: CharacterText, grams: Grams, length: number, minFrequency: number) {
  const { starts, counts } = text
  const table = new PairTable(1 << 16)
  const total: number[] = []
  const first: number[] = []
  const at = new Int32Array(grams.at.length).fill(-1)
  for (let word = 0; word < counts.length; word++)
    for (let place = starts[word]!; place + length <= starts[word + 1]!; place++) {
      const [left, right] = [grams.at[place]!, grams.at[place + 1]!]
      if (left < 0 || right < 0) continue
      let id = table.get(left, right)
      if (id < 0) {
        id = total.length
        table.set(left, right, id)
        total.push(0)
        first.push(place)
      }
      total[id]! += counts[word]!
      at[place] = id
    }
  const seeds: Seed[] = []
  const coversPrefix = new Uint8Array(grams.seeds.length)
  const kept = Int32Array.from(total, (count, id) => {
    const place = first[id]!
    if (count === grams.seeds[grams.at[place]!]!.count) coversPrefix[grams.at[place]!] = 1
    return count < minFrequency ? -1 : seeds.push({ at: place, length, count }) - 1
  })
  for (let place = 0; place < at.length; place++) if (at[place]! >= 0) at[place] = kept[at[place]!]!
  return { seeds, at, coversPrefix }
}
