/** Pairs of tokens with their counts in a heap: the largest count on top, of equal ones the smallest pair of ids. */
export class PairQueue {
  private readonly pairs: number[] = []
  private readonly counts: number[] = []

  /** @param before whether pair `p` goes before pair `q` when their counts are equal */
  constructor(private readonly before: (p: number, q: number) => boolean) {}

  push(pair: number, count: number): void {
    let at = this.pairs.length
    while (at > 0) {
      const up = (at - 1) >> 1
      if (!this.above(pair, count, this.pairs[up]!, this.counts[up]!)) break
      this.pairs[at] = this.pairs[up]!
      this.counts[at] = this.counts[up]!
      at = up
    }
    this.pairs[at] = pair
    this.counts[at] = count
  }

  /** Takes the top away; undefined where nothing is left. */
  pop(): { pair: number; count: number } | undefined {
    if (this.pairs.length === 0) return undefined
    const top = { pair: this.pairs[0]!, count: this.counts[0]! }
    const [pair, count] = [this.pairs.pop()!, this.counts.pop()!]
    if (this.pairs.length > 0) this.sink(pair, count)
    return top
  }

  private sink(pair: number, count: number): void {
    const { pairs, counts } = this
    let at = 0
    for (let down = 1; down < pairs.length; down = 2 * at + 1) {
      if (down + 1 < pairs.length && this.above(pairs[down + 1]!, counts[down + 1]!, pairs[down]!, counts[down]!))
        down++
      if (!this.above(pairs[down]!, counts[down]!, pair, count)) break
      pairs[at] = pairs[down]!
      counts[at] = counts[down]!
      at = down
    }
    pairs[at] = pair
    counts[at] = count
  }

  private above(p: number, pCount: number, q: number, qCount: number): boolean {
    return pCount === qCount ? this.before(p, q) : pCount > qCount
  }
}
