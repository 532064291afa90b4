/** Numbers by pairs of whole numbers: one open-addressed hash table in typed arrays, several times as fast as a Map. */
export class PairTable {
  private size = 0
  private lefts: Int32Array
  private rights: Int32Array
  private values: Int32Array

  constructor(expected = 1 << 10) {
    const slots = 2 ** Math.ceil(Math.log2(Math.max(expected, 16) * 2))
    this.lefts = new Int32Array(slots).fill(-1)
    this.rights = new Int32Array(slots)
    this.values = new Int32Array(slots)
  }

  /** The number of a pair, or -1. `left` is not negative. */
  get(left: number, right: number): number {
    const slot = this.slot(left, right)
    return this.lefts[slot] === -1 ? -1 : this.values[slot]!
  }

  set(left: number, right: number, value: number): void {
    let slot = this.slot(left, right)
    if (this.lefts[slot] === -1) {
      if (++this.size * 2 > this.lefts.length) {
        this.enlarge()
        slot = this.slot(left, right)
      }
      this.lefts[slot] = left
      this.rights[slot] = right
    }
    this.values[slot] = value
  }

  private slot(left: number, right: number): number {
    const mask = this.lefts.length - 1
    let slot = Math.imul(Math.imul(left, 0x9e3779b1) ^ right, 0x85ebca6b)
    slot = (slot ^ (slot >>> 15)) & mask
    while (this.lefts[slot] !== -1 && (this.lefts[slot] !== left || this.rights[slot] !== right))
      slot = (slot + 1) & mask
    return slot
  }

  private enlarge(): void {
    const { lefts, rights, values } = this
    this.lefts = new Int32Array(lefts.length * 2).fill(-1)
    this.rights = new Int32Array(lefts.length * 2)
    this.values = new Int32Array(lefts.length * 2)
    lefts.forEach((left, i) => {
      if (left === -1) return
      const slot = this.slot(left, rights[i]!)
      this.lefts[slot] = left
      this.rights[slot] = rights[i]!
      this.values[slot] = values[i]!
    })
  }
}
