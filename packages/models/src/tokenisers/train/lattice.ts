import { Trie } from '../trie.js'
import type { CharacterText } from './text.js'

/** A piece with the logarithm of its probability; minus infinity is one that is no longer there. */
export interface Pieces {
  readonly texts: readonly Int32Array[]
  readonly scores: Float64Array
}

/** All ways to divide a word into pieces: the edges from place to place, in the order of their starts. */
export class Lattice {
  private readonly trie: Trie
  private edges = 0
  private length = 0
  private from = new Int32Array(1024)
  private to = new Int32Array(1024)
  private piece = new Int32Array(1024)
  private forward = new Float64Array(512)
  private backward = new Float64Array(512)
  private last = new Int32Array(512)

  constructor(private readonly pieces: Pieces) {
    this.trie = new Trie(pieces.texts.length * 2)
    pieces.texts.forEach((text, id) => {
      this.trie.set(text, id)
    })
  }

  /** Takes a word; every character is a piece itself, so there is always a way. */
  load(characters: Int32Array, start: number, end: number): void {
    const { trie, pieces } = this
    this.edges = 0
    this.length = end - start
    for (let at = start; at < end; at++)
      for (let next = at, node = 0; next < end; ) {
        node = trie.child(node, characters[next++]!)
        if (node < 0) break
        const id = trie.valueAt(node)
        if (id >= 0 && pieces.scores[id]! > Number.NEGATIVE_INFINITY) this.edge(at - start, next - start, id)
      }
  }

  private edge(from: number, to: number, piece: number): void {
    if (this.edges === this.from.length) {
      this.from = doubled(this.from)
      this.to = doubled(this.to)
      this.piece = doubled(this.piece)
    }
    this.from[this.edges] = from
    this.to[this.edges] = to
    this.piece[this.edges++] = piece
  }

  /** Adds to `expected` how often each piece is expected in `count` such words; returns their log likelihood. */
  addExpected(expected: Float64Array, count: number): number {
    const { forward, backward, from, to, piece, length } = this
    const { scores } = this.pieces
    forward.fill(Number.NEGATIVE_INFINITY, 0, length + 1)
    backward.fill(Number.NEGATIVE_INFINITY, 0, length + 1)
    forward[0] = 0
    backward[length] = 0
    for (let e = 0; e < this.edges; e++)
      forward[to[e]!] = logAdd(forward[to[e]!]!, forward[from[e]!]! + scores[piece[e]!]!)
    for (let e = this.edges - 1; e >= 0; e--)
      backward[from[e]!] = logAdd(backward[from[e]!]!, backward[to[e]!]! + scores[piece[e]!]!)
    const whole = forward[length]!
    for (let e = 0; e < this.edges; e++)
      expected[piece[e]!]! += count * Math.exp(forward[from[e]!]! + scores[piece[e]!]! + backward[to[e]!]! - whole)
    return whole * count
  }

  /** The pieces of the best way, last first; without the piece `without`, if that is given. */
  best(without = -1): number[] {
    const { forward, last, from, to, piece, length } = this
    forward.fill(Number.NEGATIVE_INFINITY, 0, length + 1)
    forward[0] = 0
    for (let e = 0; e < this.edges; e++) {
      const score = forward[from[e]!]! + this.pieces.scores[piece[e]!]!
      if (piece[e] === without || score <= forward[to[e]!]!) continue
      forward[to[e]!] = score
      last[to[e]!] = e
    }
    if (forward[length] === Number.NEGATIVE_INFINITY) return []
    const way: number[] = []
    for (let at = length; at > 0; at = from[last[at]!]!) way.push(piece[last[at]!]!)
    return way
  }
}

/** Calls back with each word of a text loaded, and its count. */
export function eachWord(text: CharacterText, lattice: Lattice, visit: (count: number) => void): void {
  for (let word = 0; word < text.counts.length; word++) {
    lattice.load(text.characters, text.starts[word]!, text.starts[word + 1]!)
    visit(text.counts[word]!)
  }
}

function logAdd(a: number, b: number): number {
  const [small, large] = a < b ? [a, b] : [b, a]
  return small < large - 40 ? large : large + Math.log1p(Math.exp(small - large))
}

function doubled(array: Int32Array): Int32Array<ArrayBuffer> {
  const longer = new Int32Array(array.length * 2)
  longer.set(array)
  return longer
}
