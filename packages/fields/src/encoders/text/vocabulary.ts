/** The n-grams kept from the training rows, by hash, ascending; `df` is the number of rows each was seen in. */
export interface Vocabulary {
  readonly hashes: readonly number[]
  readonly df: readonly number[]
}

/** Counts in how many rows each hash is seen: an open-addressing table, for millions of n-grams. */
export class RowCounts {
  private keys = new Uint32Array(1 << 16)
  private counts = new Int32Array(1 << 16)
  private lastRow = new Int32Array(1 << 16)
  private size = 0
  private row = 0

  /** Counts the hashes of one more row; repeats within it count once. */
  addRow(hashes: readonly number[]): void {
    this.row++
    for (const hash of hashes) {
      const at = this.slot(hash)
      if (this.lastRow[at] === this.row) continue
      if (this.counts[at] === 0) {
        this.keys[at] = hash
        this.size++
      }
      this.lastRow[at] = this.row
      this.counts[at]!++
      if (this.size * 2 > this.keys.length) this.grow()
    }
  }

  /** What was seen, at most the `limit` most frequent of it (equal counts: the smaller hash). */
  vocabulary(limit: number): Vocabulary {
    let kept: { hash: number; df: number }[] = []
    for (let at = 0; at < this.keys.length; at++) {
      if (this.counts[at]! > 0) kept.push({ hash: this.keys[at]!, df: this.counts[at]! })
    }
    if (kept.length > limit) {
      kept.sort((a, b) => b.df - a.df || a.hash - b.hash)
      kept = kept.slice(0, limit)
    }
    kept.sort((a, b) => a.hash - b.hash)
    return { hashes: kept.map(({ hash }) => hash), df: kept.map(({ df }) => df) }
  }

  private slot(hash: number): number {
    const mask = this.keys.length - 1
    let at = hash & mask
    while (this.counts[at] !== 0 && this.keys[at] !== hash) at = (at + 1) & mask
    return at
  }

  private grow(): void {
    const { keys, counts, lastRow } = this
    this.keys = new Uint32Array(keys.length * 2)
    this.counts = new Int32Array(keys.length * 2)
    this.lastRow = new Int32Array(keys.length * 2)
    for (let from = 0; from < keys.length; from++) {
      if (counts[from] === 0) continue
      const at = this.slot(keys[from]!)
      this.keys[at] = keys[from]!
      this.counts[at] = counts[from]!
      this.lastRow[at] = lastRow[from]!
    }
  }
}

/** From a hash to its place in the vocabulary. */
export class VocabularyIndex {
  private readonly keys: Uint32Array
  private readonly places: Int32Array
  private readonly mask: number

  constructor(vocabulary: Vocabulary) {
    let capacity = 16
    while (capacity < vocabulary.hashes.length * 2) capacity *= 2
    this.keys = new Uint32Array(capacity)
    this.places = new Int32Array(capacity).fill(-1)
    this.mask = capacity - 1
    vocabulary.hashes.forEach((hash, place) => {
      let at = hash & this.mask
      while (this.places[at] !== -1) at = (at + 1) & this.mask
      this.keys[at] = hash
      this.places[at] = place
    })
  }

  /** The place of a hash, or -1 when the vocabulary lacks it. */
  place(hash: number): number {
    let at = hash & this.mask
    while (this.places[at] !== -1) {
      if (this.keys[at] === hash) return this.places[at]!
      at = (at + 1) & this.mask
    }
    return -1
  }
}
