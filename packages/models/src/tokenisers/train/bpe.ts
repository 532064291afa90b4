import { ModelsError } from '../../errors.js'
import { byteCharacters } from '../byte-level.js'
import { byteLevelModel } from '../convert/byte-level-bpe.js'
import type { BpeJson, WordPieceJson } from '../json.js'
import { learnMerges, type SymbolWords } from './merges.js'
import type { TokeniserTraining } from './settings.js'
import { alphabetOf, type WordCounts } from './words.js'

/** Learns a byte-level BPE model: special tokens, the 256 bytes, then what is merged. Its words are written in bytes. */
export function learnBpe(counted: WordCounts, specials: readonly string[], settings: TokeniserTraining): BpeJson {
  const alphabet = [...byteCharacters].sort((a, b) => a.codePointAt(0)! - b.codePointAt(0)!)
  const vocabulary = new Vocabulary([...specials, ...alphabet])
  const merges: [string, string][] = []
  vocabulary.checkRoom(settings, alphabet.length)
  const words = inSymbols(counted, (character) => vocabulary.ids.get(character))
  learn(words, vocabulary, settings, (left, right) => {
    merges.push([left, right])
    return left + right
  })
  return byteLevelModel(Object.fromEntries(vocabulary.ids), merges)
}

/**
 * Learns a WordPiece vocabulary as Hugging Face's trainer does: by BPE over characters of which all but a word's first
 * carry the prefix ##. Words with characters outside the alphabet are left out: they will be unknown as a whole.
 */
export function learnWordPiece(
  counted: WordCounts,
  specials: readonly string[],
  unknown: string,
  settings: TokeniserTraining,
): WordPieceJson {
  const prefix = '##'
  const alphabet = alphabetOf(counted, settings.alphabetLimit)
  const first = new Set<string>(alphabet)
  const later = new Set<string>()
  for (const word of counted.words) for (const character of Array.from(word).slice(1)) later.add(character)
  const marked = alphabet.filter((character) => later.has(character)).map((character) => prefix + character)
  const vocabulary = new Vocabulary([...specials, ...alphabet, ...marked])
  vocabulary.checkRoom(settings, first.size)
  const words = inSymbols(counted, (character, at) => vocabulary.ids.get(at > 0 ? prefix + character : character))
  learn(words, vocabulary, settings, (left, right) => left + right.slice(prefix.length))
  return {
    type: 'WordPiece',
    unk_token: unknown,
    continuing_subword_prefix: prefix,
    max_input_chars_per_word: 100,
    vocab: Object.fromEntries(vocabulary.ids),
  }
}

function learn(
  words: SymbolWords,
  vocabulary: Vocabulary,
  { vocabularySize, minFrequency = 2, onProgress }: TokeniserTraining,
  join: (left: string, right: string) => string,
): void {
  const { tokens, ids } = vocabulary
  learnMerges(words, {
    minFrequency,
    merge: (left, right) => {
      if (tokens.length >= vocabularySize) return undefined
      if (tokens.length % 1000 === 0) onProgress?.({ phase: 'tokens', done: tokens.length, total: vocabularySize })
      const made = join(tokens[left]!, tokens[right]!)
      if (!ids.has(made)) vocabulary.add(made)
      return ids.get(made)
    },
  })
  onProgress?.({ phase: 'tokens', done: tokens.length, total: vocabularySize })
}

/** Tokens in the order of their ids. */
class Vocabulary {
  readonly tokens: string[] = []
  readonly ids = new Map<string, number>()

  constructor(tokens: readonly string[]) {
    for (const token of tokens) if (!this.ids.has(token)) this.add(token)
  }

  add(token: string): void {
    this.ids.set(token, this.tokens.length)
    this.tokens.push(token)
  }

  checkRoom(settings: TokeniserTraining, characters: number): void {
    checkRoom(settings, this.tokens.length, characters)
  }
}

/** Throws ModelsError where special tokens and single characters alone are more than the vocabulary may have. */
export function checkRoom({ vocabularySize }: TokeniserTraining, needed: number, characters: number): void {
  if (needed > vocabularySize)
    throw new ModelsError(
      'vocabulary-too-small',
      `A vocabulary of ${vocabularySize} tokens is too small: the special tokens and ${characters} different characters alone need ${needed}; raise vocabularySize or set alphabetLimit.`,
      { vocabularySize, needed },
    )
}

/** Words as ids; those with a character that has none are left out. */
function inSymbols(
  { words, counts }: WordCounts,
  idOf: (character: string, at: number) => number | undefined,
): SymbolWords {
  const length = words.reduce((sum, word) => sum + word.length, 0)
  const symbols = new Int32Array(length)
  const starts: number[] = [0]
  const kept: number[] = []
  let end = 0
  words.forEach((word, i) => {
    const start = end
    let at = 0
    for (const character of word) {
      const id = idOf(character, at++)
      if (id === undefined) {
        end = start
        return
      }
      symbols[end++] = id
    }
    starts.push(end)
    kept.push(counts[i]!)
  })
  return { symbols, starts: Int32Array.from(starts), counts: kept }
}
