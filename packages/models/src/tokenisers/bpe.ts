import type { BpeJson } from './json.js'
import { PairTable } from './pair-table.js'
import { byteTokens, type SubwordModel } from './subword.js'

/** Positions within a word stay below this, so that a rank and a position share one number in the queue. */
const positions = 2 ** 28

/** Byte-pair encoding: the pair of neighbours with the lowest rank is merged, the leftmost first, until none is left. */
export class BpeModel implements SubwordModel {
  readonly idOf: ReadonlyMap<string, number>
  /** The rank of each pair that is merged, and the id of what each rank makes. */
  private readonly ranks: PairTable
  private readonly made: Int32Array
  private readonly bytes: readonly number[] | undefined
  private readonly unknown: number | undefined

  constructor(private readonly json: BpeJson) {
    this.idOf = new Map(Object.entries(json.vocab))
    this.unknown = json.unk_token == null ? undefined : this.idOf.get(json.unk_token)
    this.bytes = json.byte_fallback ? byteTokens(this.idOf) : undefined
    this.ranks = new PairTable(json.merges.length)
    this.made = new Int32Array(json.merges.length)
    const prefix = json.continuing_subword_prefix ?? ''
    json.merges.forEach((merge, rank) => {
      const [left, right] = typeof merge === 'string' ? halves(merge) : merge
      const id = this.idOf.get(left + right.slice(right.startsWith(prefix) ? prefix.length : 0))
      const [a, b] = [this.idOf.get(left), this.idOf.get(right)]
      if (a === undefined || b === undefined || id === undefined) return
      this.ranks.set(a, b, rank)
      this.made[rank] = id
    })
  }

  encode(word: string): number[] {
    const whole = this.json.ignore_merges ? this.idOf.get(word) : undefined
    return whole === undefined ? this.merged(this.symbolsOf(word)) : [whole]
  }

  /** The characters' ids; unknown ones as bytes, as the unknown token (one for a run where the file says so) or not at all. */
  private symbolsOf(word: string): number[] {
    const ids: number[] = []
    let unknownBefore = false
    for (const text of this.marked(word)) {
      const id = this.idOf.get(text)
      if (id !== undefined) ids.push(id)
      else if (this.bytes) for (const byte of Buffer.from(text)) ids.push(this.bytes[byte]!)
      else if (this.unknown !== undefined && !(this.json.fuse_unk && unknownBefore)) ids.push(this.unknown)
      unknownBefore = id === undefined && !this.bytes
    }
    return ids
  }

  /** The characters of a word, all but the first with the prefix, the last with the suffix that the file names. */
  private marked(word: string): Iterable<string> {
    const { continuing_subword_prefix: prefix, end_of_word_suffix: suffix } = this.json
    if (!prefix && !suffix) return word
    const characters = Array.from(word, (character, i) => (i > 0 ? `${prefix ?? ''}${character}` : character))
    return characters.with(-1, `${characters.at(-1)}${suffix ?? ''}`)
  }

  private merged(ids: number[]): number[] {
    const n = ids.length
    if (n < 2) return ids
    const next = new Int32Array(n)
    const previous = new Int32Array(n)
    const queue = new MinHeap()
    const rankAt = (left: number) => {
      const right = next[left]!
      return right < n && ids[left]! >= 0 ? this.ranks.get(ids[left]!, ids[right]!) : -1
    }
    const offer = (left: number) => {
      const rank = rankAt(left)
      if (rank >= 0) queue.push(rank * positions + left)
    }
    for (let i = 0; i < n; i++) {
      next[i] = i + 1
      previous[i] = i - 1
    }
    for (let i = 0; i < n - 1; i++) offer(i)
    for (let key = queue.pop(); key !== undefined; key = queue.pop()) {
      const left = key % positions
      const rank = (key - left) / positions
      if (rankAt(left) !== rank) continue // one of the two was merged since
      const right = next[left]!
      ids[left] = this.made[rank]!
      ids[right] = -1
      next[left] = next[right]!
      if (next[left]! < n) previous[next[left]!] = left
      if (previous[left]! >= 0) offer(previous[left]!)
      offer(left)
    }
    return ids.filter((id) => id >= 0)
  }
}

/** The two parts of a merge in the older form: the first space that has a character before it divides them. */
function halves(merge: string): [string, string] {
  const at = merge.indexOf(' ', 1)
  return [merge.slice(0, at), merge.slice(at + 1)]
}

/** A binary heap of numbers, the smallest on top. */
class MinHeap {
  private readonly items: number[] = []

  push(item: number): void {
    const { items } = this
    let at = items.length
    for (let up = (at - 1) >> 1; at > 0 && items[up]! > item; up = (at - 1) >> 1) {
      items[at] = items[up]!
      at = up
    }
    items[at] = item
  }

  pop(): number | undefined {
    const { items } = this
    const top = items[0]
    const last = items.pop()!
    if (items.length === 0) return top
    let at = 0
    for (let down = 1; down < items.length; down = 2 * at + 1) {
      if (down + 1 < items.length && items[down + 1]! < items[down]!) down++
      if (items[down]! >= last) break
      items[at] = items[down]!
      at = down
    }
    items[at] = last
    return top
  }
}
