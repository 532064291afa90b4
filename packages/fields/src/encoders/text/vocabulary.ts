/** The n-grams kept from the training rows, by hash, ascending; `df` is the number of rows each was seen in. */
export interface Vocabulary {
  readonly hashes: readonly number[]
  readonly df: readonly number[]
}

/** A slot of the table: hash, rows it was seen in (0: free), the last of these. */
const [HASH, ROWS, LAST, SLOT] = [0, 1, 2, 4] as const

/** Counts in how many rows each hash is seen: an open-addressing table, for millions of n-grams. */
export class RowCounts {
  private table = new Uint32Array(SLOT << 16)
  private size = 0
  private row = 0

  /** Counts the hashes of one more row; repeats within it count once. */
  addRow(hashes: Uint32Array): void {
    this.row++
    for (let i = 0; i < hashes.length; i++) {
      const at = this.slot(hashes[i]!)
      const { table } = this
      if (table[at + LAST] === this.row) continue
      if (table[at + ROWS] === 0) {
        table[at + HASH] = hashes[i]!
        this.size++
      }
      table[at + LAST] = this.row
      table[at + ROWS]!++
      if (this.size * 2 * SLOT > table.length) this.grow()
    }
  }

  /** What was seen, at most the `limit` most frequent of it (equal counts: the smaller hash). */
  vocabulary(limit: number): Vocabulary {
    const { least, ofLeast } = this.leastRows(limit)
    const hashes = new Uint32Array(Math.min(limit, this.size))
    const rarest = new Uint32Array(this.size)
    let [kept, rare] = [0, 0]
    for (let at = 0; at < this.table.length; at += SLOT) {
      const rows = this.table[at + ROWS]!
      if (rows > least) hashes[kept++] = this.table[at + HASH]!
      else if (rows === least) rarest[rare++] = this.table[at + HASH]!
    }
    hashes.set(rarest.subarray(0, rare).sort().subarray(0, ofLeast), kept)
    hashes.sort()
    return { hashes: [...hashes], df: Array.from(hashes, (hash) => this.table[this.slot(hash) + ROWS]!) }
  }

  /** Hashes seen in more than `least` rows are kept, and `ofLeast` of those seen in as many. */
  private leastRows(limit: number): { least: number; ofLeast: number } {
    const hashesOf = new Uint32Array(this.row + 1) // by number of rows
    for (let at = 0; at < this.table.length; at += SLOT) hashesOf[this.table[at + ROWS]!]!++
    let left = limit
    for (let rows = this.row; rows > 0; rows--) {
      if (hashesOf[rows]! >= left) return { least: rows, ofLeast: left }
      left -= hashesOf[rows]!
    }
    return { least: 0, ofLeast: 0 }
  }

  private slot(hash: number): number {
    const { table } = this
    const mask = table.length - 1
    let at = (hash * SLOT) & mask
    while (table[at + ROWS] !== 0 && table[at + HASH] !== hash) at = (at + SLOT) & mask
    return at
  }

  private grow(): void {
    const former = this.table
    this.table = new Uint32Array(former.length * 2)
    for (let from = 0; from < former.length; from += SLOT) {
      if (former[from + ROWS] === 0) continue
      this.table.set(former.subarray(from, from + SLOT), this.slot(former[from + HASH]!))
    }
  }
}

/** From a hash to its place in the vocabulary. */
export class VocabularyIndex {
  /** Pairs of a hash and its place + 1; 0: free. */
  private readonly table: Uint32Array

  constructor(vocabulary: Vocabulary) {
    let capacity = 16
    while (capacity < vocabulary.hashes.length * 2) capacity *= 2
    this.table = new Uint32Array(2 * capacity)
    vocabulary.hashes.forEach((hash, place) => {
      const at = this.slot(hash)
      this.table[at] = hash
      this.table[at + 1] = place + 1
    })
  }

  /** The place of a hash, or -1 when the vocabulary lacks it. */
  place(hash: number): number {
    return this.table[this.slot(hash) + 1]! - 1
  }

  private slot(hash: number): number {
    const { table } = this
    const mask = table.length - 1
    let at = (hash * 2) & mask
    while (table[at + 1] !== 0 && table[at] !== hash) at = (at + 2) & mask
    return at
  }
}
