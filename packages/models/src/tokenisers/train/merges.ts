import { PairTable } from '../pair-table.js'
import { PairQueue } from './pair-queue.js'

/** Words as ids of symbols. */
export interface SymbolWords {
  /** The symbols of all words, one word after the other. It is changed as symbols are merged. */
  readonly symbols: Int32Array
  /** Where each word starts; one more entry ends the last. */
  readonly starts: Int32Array
  readonly counts: readonly number[]
}

export interface MergeSettings {
  /** A pair that is rarer is not merged. */
  readonly minFrequency: number
  /** Called with the pair that is merged next; returns the id of what it makes, or undefined to stop. */
  readonly merge: (left: number, right: number) => number | undefined
}

/**
 * Byte-pair encoding (Sennrich, Haddow and Birch 2016): merges the most frequent pair of neighbouring symbols in all
 * words, again and again; of equally frequent ones the pair with the smallest ids, as Hugging Face's trainer does.
 */
export function learnMerges(words: SymbolWords, { minFrequency, merge }: MergeSettings): void {
  const pairs = new Pairs(words)
  const queue = new PairQueue((p, q) => pairs.before(p, q))
  for (let pair = 0; pair < pairs.counts.length; pair++) queue.push(pair, pairs.counts[pair]!)
  for (let top = queue.pop(); top; top = queue.pop()) {
    const { pair } = top
    const count = pairs.counts[pair]!
    if (count !== top.count) {
      if (count > 0) queue.push(pair, count)
      continue
    }
    if (count < Math.max(1, minFrequency)) return
    const made = merge(pairs.lefts[pair]!, pairs.rights[pair]!)
    if (made === undefined) return
    for (const grown of pairs.merge(pair, made)) queue.push(grown, pairs.counts[grown]!)
  }
}

/** All pairs of neighbours, their counts and the words that they were seen in. */
class Pairs {
  readonly lefts: number[] = []
  readonly rights: number[] = []
  readonly counts: number[] = []
  private readonly seenIn: number[][] = []
  private readonly table = new PairTable(1 << 16)
  private readonly lengths: Int32Array

  constructor(private readonly words: SymbolWords) {
    const { starts, symbols, counts } = words
    this.lengths = Int32Array.from(counts, (_, word) => starts[word + 1]! - starts[word]!)
    counts.forEach((count, word) => {
      for (let at = starts[word]! + 1; at < starts[word + 1]!; at++)
        this.change(symbols[at - 1]!, symbols[at]!, count, word)
    })
  }

  before(p: number, q: number): boolean {
    return this.lefts[p]! < this.lefts[q]! || (this.lefts[p] === this.lefts[q] && this.rights[p]! < this.rights[q]!)
  }

  /** Merges a pair wherever it is; returns the pairs that became more frequent. */
  merge(pair: number, made: number): Set<number> {
    const grown = new Set<number>()
    const seenIn = this.seenIn[pair]!
    this.seenIn[pair] = []
    for (const word of seenIn) this.mergeIn(word, this.lefts[pair]!, this.rights[pair]!, made, grown)
    this.counts[pair] = 0
    return grown
  }

  private mergeIn(word: number, left: number, right: number, made: number, grown: Set<number>): void {
    const { symbols, starts, counts } = this.words
    const start = starts[word]!
    const end = start + this.lengths[word]!
    const count = counts[word]!
    let to = start
    for (let from = start; from < end; from++) {
      const merges = symbols[from] === left && from + 1 < end && symbols[from + 1] === right
      if (merges) {
        if (to > start) {
          this.change(symbols[to - 1]!, left, -count, word)
          grown.add(this.change(symbols[to - 1]!, made, count, word))
        }
        from++
        if (from + 1 < end) {
          this.change(right, symbols[from + 1]!, -count, word)
          grown.add(this.change(made, symbols[from + 1]!, count, word))
        }
      }
      symbols[to++] = merges ? made : symbols[from]!
    }
    this.lengths[word] = to - start
  }

  /** Adds to the count of a pair and returns its number. */
  private change(left: number, right: number, by: number, word: number): number {
    let pair = this.table.get(left, right)
    if (pair < 0) {
      pair = this.counts.length
      this.table.set(left, right, pair)
      this.lefts.push(left)
      this.rights.push(right)
      this.counts.push(0)
      this.seenIn.push([])
    }
    this.counts[pair]! += by
    const seenIn = this.seenIn[pair]!
    if (by > 0 && seenIn.at(-1) !== word) seenIn.push(word)
    return pair
  }
}
