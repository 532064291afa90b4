import { PairTable } from './pair-table.js'

/** A trie over code points or other numbers: its edges are pairs of a node and a label. The root is node 0. */
export class Trie {
  private readonly edges: PairTable
  private nodes = 1
  private values: Int32Array

  constructor(expected = 1 << 10) {
    this.edges = new PairTable(expected)
    this.values = new Int32Array(Math.max(expected, 16)).fill(-1)
  }

  /** Adds a key; a key that is there already takes the new value. */
  set(key: Int32Array, value: number): void {
    let node = 0
    for (const label of key) node = this.grow(node, label)
    this.values[node] = value
  }

  /** The node below `node` along `label`, or -1. */
  child(node: number, label: number): number {
    return this.edges.get(node, label)
  }

  /** The value of the key that ends at `node`, -1 where none does. */
  valueAt(node: number): number {
    return this.values[node]!
  }

  private grow(node: number, label: number): number {
    const child = this.edges.get(node, label)
    if (child >= 0) return child
    if (this.nodes === this.values.length) {
      const before = this.values
      this.values = new Int32Array(before.length * 2).fill(-1)
      this.values.set(before)
    }
    this.edges.set(node, label, this.nodes)
    return this.nodes++
  }
}

/** The code points of a text. */
export function codePoints(text: string): Int32Array {
  const points = new Int32Array(text.length)
  let count = 0
  for (let i = 0; i < text.length; i++) {
    const point = text.codePointAt(i)!
    if (point > 0xffff) i++
    points[count++] = point
  }
  return points.subarray(0, count)
}
