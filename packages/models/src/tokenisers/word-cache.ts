/** Words of at most this many UTF-16 units are kept. */
const longest = 64

/** A bounded cache in two generations: words that were not used while a generation filled are forgotten with it. */
export class WordCache {
  private young = new Map<string, readonly number[]>()
  private old: ReadonlyMap<string, readonly number[]> = new Map()

  /** @param capacity how many words a generation holds */
  constructor(private readonly capacity = 50_000) {}

  /** What `compute` gives for a word, kept for the next time. */
  get(word: string, compute: (word: string) => readonly number[]): readonly number[] {
    const known = this.young.get(word)
    if (known) return known
    const value = this.old.get(word) ?? compute(word)
    if (word.length > longest) return value
    if (this.young.size >= this.capacity) {
      this.old = this.young
      this.young = new Map()
    }
    this.young.set(word, value)
    return value
  }
}
