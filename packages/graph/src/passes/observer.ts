/** Numbers between which an activation is quantised; 0 lies within. */
export interface Range {
  readonly low: number
  readonly high: number
}

/**
 * How a range is chosen. `minMax`: all that was seen. `percentile`: without the outermost numbers, half of the rest on each
 * side (default 99.99). `entropy`: where 8 bits tell most of the distribution of sizes, by Kullback-Leibler divergence
 * (Migacz 2017, "8-bit inference with TensorRT").
 */
export type RangeMethod = 'minMax' | 'entropy' | { readonly percentile: number }

const bins = 2048
/** Levels of a size in 8 bits with a sign. */
const levels = 128

/** Counts the numbers of one activation over many runs, in bins that widen as the numbers do. */
export class Observer {
  #low = 0
  #high = 0
  #width = 0
  #first = 0
  readonly #counts = new Float64Array(bins)

  /** Counts more numbers; those that are not finite are left out. */
  add(numbers: Float32Array): void {
    let [low, high] = [this.#low, this.#high]
    for (const v of numbers) {
      if (v < low && v > Number.NEGATIVE_INFINITY) low = v
      else if (v > high && v < Number.POSITIVE_INFINITY) high = v
    }
    this.#widen(low, high)
    if (this.#width === 0) this.#counts[0]! += numbers.length
    else for (const v of numbers) if (Number.isFinite(v)) this.#counts[this.#binOf(v)]!++
  }

  range(method: RangeMethod = 'minMax'): Range {
    const all = { low: this.#low, high: this.#high }
    if (method === 'minMax' || this.#width === 0) return all
    if (method !== 'entropy') return this.#percentile(method.percentile)
    const largest = this.#entropy(Math.max(-this.#low, this.#high))
    return { low: Math.max(all.low, -largest), high: Math.min(all.high, largest) }
  }

  #binOf(value: number): number {
    return Math.min(bins - 1, Math.max(0, Math.floor((value - this.#first) / this.#width)))
  }

  /** Spreads what was counted over a wider range: each bin's count goes to where its middle lies now. */
  #widen(low: number, high: number): void {
    if (low === this.#low && high === this.#high) return
    const [first, width, counts] = [this.#first, this.#width, this.#counts.slice()]
    this.#low = low
    this.#high = high
    this.#first = low
    this.#width = (high - low) / bins
    this.#counts.fill(0)
    counts.forEach((count, i) => {
      if (count > 0) this.#counts[this.#binOf(first + (i + 0.5) * width)]! += count
    })
  }

  #percentile(percentile: number): Range {
    const tail = (((100 - percentile) / 100) * this.#counts.reduce((a, b) => a + b, 0)) / 2
    /** The first bin, in this order, up to which there is more than the tail. */
    const passed = (order: readonly number[]) => {
      let left = tail
      for (const i of order) {
        left -= this.#counts[i]!
        if (left < 0) return i
      }
      return order[0]!
    }
    const order = [...this.#counts.keys()]
    const low = this.#first + passed(order) * this.#width
    const high = this.#first + (passed(order.toReversed()) + 1) * this.#width
    return { low: Math.min(low, 0), high: Math.max(high, 0) }
  }

  #entropy(largest: number): number {
    const sizes = new Float64Array(bins)
    const width = largest / bins
    this.#counts.forEach((count, i) => {
      const size = Math.abs(this.#first + (i + 0.5) * this.#width)
      sizes[Math.min(bins - 1, Math.floor(size / width))]! += count
    })
    let [best, least] = [bins, Number.POSITIVE_INFINITY]
    for (let kept = levels; kept <= bins; kept += 16) {
      const loss = divergence(sizes, kept)
      if (loss < least) [best, least] = [kept, loss]
    }
    return best * width
  }
}

/** KL(P || Q): P the first bins with all beyond in the last of them, Q the same bins merged into `levels` and spread again. */
function divergence(sizes: Float64Array, kept: number): number {
  const p = sizes.slice(0, kept)
  const q = new Float64Array(kept)
  for (let level = 0; level < levels; level++) {
    const [from, to] = [level, level + 1].map((l) => Math.round((l * kept) / levels)) as [number, number]
    const part = p.subarray(from, to)
    const filled = part.reduce((count, v) => count + +(v > 0), 0)
    const share = filled === 0 ? 0 : part.reduce((a, b) => a + b, 0) / filled
    for (let i = from; i < to; i++) if (p[i]! > 0) q[i] = share
  }
  for (let i = kept; i < sizes.length; i++) p[kept - 1]! += sizes[i]!
  const [sumP, sumQ] = [p, q].map((d) => d.reduce((a, b) => a + b, 0)) as [number, number]
  const tiny = 1e-12
  return p.reduce((sum, v, i) => (v === 0 ? sum : sum + (v / sumP) * Math.log(v / sumP / (q[i]! / sumQ + tiny))), 0)
}
