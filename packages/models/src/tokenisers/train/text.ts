import type { WordCounts } from './words.js'

/** Words as numbers of characters, one after the other. */
export interface CharacterText {
  /** The characters of the alphabet by number. */
  readonly alphabet: readonly string[]
  /** All words, one after the other. */
  readonly characters: Int32Array
  /** Where each word starts; one more entry ends the last. */
  readonly starts: Int32Array
  readonly counts: Float64Array
}

/** Longer words are cut: expected counts are computed over a word at a time. */
const longestWord = 256

/**
 * Words as characters of the alphabet, the most frequent words first, up to `budget` characters. Words are divided at
 * characters that the alphabet lacks.
 */
export function characterText(counted: WordCounts, alphabet: readonly string[], budget: number): CharacterText {
  const numbers = new Map(alphabet.map((character, i) => [character, i]))
  const order = Array.from(counted.counts.keys()).sort((a, b) => counted.counts[b]! - counted.counts[a]!)
  const characters: number[] = []
  const starts: number[] = [0]
  const counts: number[] = []
  for (const word of order) {
    const end = () => {
      if (characters.length === starts.at(-1)) return
      starts.push(characters.length)
      counts.push(counted.counts[word]!)
    }
    if (characters.length >= budget) break
    for (const character of counted.words[word]!) {
      const number = numbers.get(character)
      if (number !== undefined) characters.push(number)
      if (number === undefined || characters.length - starts.at(-1)! >= longestWord) end()
    }
    end()
  }
  return {
    alphabet,
    characters: Int32Array.from(characters),
    starts: Int32Array.from(starts),
    counts: Float64Array.from(counts),
  }
}
