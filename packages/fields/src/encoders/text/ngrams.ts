import { isUnspaced, piecesOf } from './pieces.js'

/** Which n-grams of a text are counted. Words and characters are two blocks, each with its own idf and length of 1. */
export interface NgramSettings {
  /** Shortest and longest run of words. */
  readonly words: readonly [number, number]
  /** Shortest and longest run of characters within a word (padded with a space on both sides, as scikit-learn's char_wb). */
  readonly characters: readonly [number, number]
  /** The same for scripts written without spaces (Chinese, Japanese, Thai …), where the run goes across the whole text. */
  readonly unspaced: readonly [number, number]
}

export const defaultNgrams: NgramSettings = { words: [1, 2], characters: [2, 5], unspaced: [1, 3] }

const seeds = { words: 0x811c9dc5, characters: 0x9e3779b9 }
const space = 32

/** 32-bit hashes of the n-grams of words and punctuation of a text, repeats included. */
export function wordHashes(text: string, [shortest, longest]: readonly [number, number]): number[] {
  const tokens = piecesOf(text)
  const hashes: number[] = []
  for (let start = 0; start < tokens.length; start++) {
    let hash = seeds.words
    for (let n = 1; n <= longest && start + n <= tokens.length; n++) {
      if (n > 1) hash = step(hash, space)
      const token = tokens[start + n - 1]!
      for (let i = 0; i < token.length; i++) hash = step(hash, token.charCodeAt(i))
      if (n >= shortest) hashes.push(finish(hash))
    }
  }
  return hashes
}

/** 32-bit hashes of the character n-grams of a text, repeats included: within words or, where most words are unspaced, across. */
export function characterHashes(text: string, settings: NgramSettings): number[] {
  const hashes: number[] = []
  const lower = text.toLowerCase()
  if (isUnspaced(lower)) pushRuns(lower, settings.unspaced, hashes)
  else for (const word of lower.split(/\s+/)) if (word !== '') pushRuns(` ${word} `, settings.characters, hashes)
  return hashes
}

/** 32-bit hash of a text. */
export function hashOf(text: string): number {
  let hash = seeds.characters
  for (let i = 0; i < text.length; i++) hash = step(hash, text.charCodeAt(i))
  return finish(hash)
}

/** 32-bit hashes of the character n-grams of a run. */
export function gramHashes(run: string, lengths: readonly [number, number]): number[] {
  const hashes: number[] = []
  pushRuns(run, lengths, hashes)
  return hashes
}

function pushRuns(run: string, [shortest, longest]: readonly [number, number], hashes: number[]): void {
  for (let start = 0; start < run.length; start++) {
    let hash = seeds.characters
    const last = Math.min(longest, run.length - start)
    for (let n = 1; n <= last; n++) {
      hash = step(hash, run.charCodeAt(start + n - 1))
      if (n >= shortest) hashes.push(finish(hash))
    }
  }
}

/** FNV-1a over UTF-16 units (Fowler, Noll, Vo). */
function step(hash: number, unit: number): number {
  return Math.imul(hash ^ unit, 0x01000193)
}

/** The finaliser of MurmurHash3 spreads what FNV leaves in the low bits. */
function finish(hash: number): number {
  let h = hash ^ (hash >>> 16)
  h = Math.imul(h, 0x85ebca6b)
  h ^= h >>> 13
  h = Math.imul(h, 0xc2b2ae35)
  return (h ^ (h >>> 16)) >>> 0
}
