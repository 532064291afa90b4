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

/** Numbers of 32 bits in an array that grows; `take` empties it. */
class Hashes {
  private data = new Uint32Array(1024)
  private size = 0

  push(hash: number): void {
    if (this.size === this.data.length) {
      const { data } = this
      this.data = new Uint32Array(2 * this.size)
      this.data.set(data)
    }
    this.data[this.size++] = hash
  }

  take(): Uint32Array {
    const taken = this.data.slice(0, this.size)
    this.size = 0
    return taken
  }
}

/** What is being hashed. */
const hashes = new Hashes()

/** 32-bit hashes of the n-grams of words and punctuation of a text, repeats included. */
export function wordHashes(text: string, [shortest, longest]: readonly [number, number]): Uint32Array {
  const tokens = piecesOf(text)
  for (let start = 0; start < tokens.length; start++) {
    let hash = seeds.words
    for (let n = 1; n <= longest && start + n <= tokens.length; n++) {
      if (n > 1) hash = step(hash, space)
      const token = tokens[start + n - 1]!
      for (let i = 0; i < token.length; i++) hash = step(hash, token.charCodeAt(i))
      if (n >= shortest) hashes.push(finish(hash))
    }
  }
  return hashes.take()
}

/** 32-bit hashes of the character n-grams of a text, repeats included: within words or, where most words are unspaced, across. */
export function characterHashes(text: string, settings: NgramSettings): Uint32Array {
  const lower = text.toLowerCase()
  if (isUnspaced(lower)) pushRuns(lower, settings.unspaced)
  else for (const word of lower.split(/\s+/)) if (word !== '') pushRuns(` ${word} `, settings.characters)
  return hashes.take()
}

/** 32-bit hash of a text. */
export function hashOf(text: string): number {
  let hash = seeds.characters
  for (let i = 0; i < text.length; i++) hash = step(hash, text.charCodeAt(i))
  return finish(hash)
}

/** 32-bit hashes of the character n-grams of a run. */
export function gramHashes(run: string, lengths: readonly [number, number]): Uint32Array {
  pushRuns(run, lengths)
  return hashes.take()
}

function pushRuns(run: string, [shortest, longest]: readonly [number, number]): void {
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
