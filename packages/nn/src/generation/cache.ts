import type { Tensor } from '@volant/graph'

/** Positions that there is room for at first; doubled when they are full. */
const ROOM = 256

/**
 * Keys and values of the positions decoded so far. Time comes first, [P, B, width], so that new positions are appended without
 * moving the earlier ones, and a step is fed views of this memory, not copies.
 */
export class KeyValueCache {
  #length = 0
  #batch = 0
  /** Positions that there is room for. */
  #room = 0
  readonly #memory = new Map<string, Float32Array>()

  /** `names` of the tensors, all of the same width. */
  constructor(
    readonly names: readonly string[],
    readonly width: number,
    /** Longest sequence. */
    readonly capacity: number,
  ) {}

  /** Positions held. */
  get length(): number {
    return this.#length
  }

  /** Forgets all and makes room for a batch of sequences. */
  clear(batch: number): void {
    this.#length = 0
    if (batch > this.#batch || this.#memory.size === 0) {
      this.#memory.clear()
      this.#room = 0
    }
    this.#batch = batch
  }

  /** Makes room for as many positions in all. */
  #reserve(positions: number): void {
    if (positions <= this.#room) return
    this.#room = Math.min(this.capacity, Math.max(positions, 2 * this.#room, ROOM))
    for (const name of this.names) {
      const memory = new Float32Array(this.#room * this.#batch * this.width)
      const held = this.#memory.get(name)
      if (held) memory.set(held.subarray(0, this.#length * this.#batch * this.width))
      this.#memory.set(name, memory)
    }
  }

  /** Views to be fed. */
  tensors(): Record<string, Tensor> {
    const dims = [this.#length, this.#batch, this.width]
    const size = this.#length * this.#batch * this.width
    return Object.fromEntries(
      this.names.map((name) => [
        name,
        { dtype: 'float32', dims, data: this.#memory.get(name)?.subarray(0, size) ?? new Float32Array(0) },
      ]),
    )
  }

  /** Appends the tensors [T, B, width] of T new positions. */
  append(fresh: (name: string) => Tensor, positions: number): void {
    this.#reserve(this.#length + positions)
    const at = this.#length * this.#batch * this.width
    for (const name of this.names) this.#memory.get(name)!.set(fresh(name).data as Float32Array, at)
    this.#length += positions
  }

  /** Goes on with these sequences of the batch, in this order; the same may be named several times, but no more than there were. */
  select(rows: readonly number[]): void {
    const { width } = this
    const before = this.#batch
    for (const memory of this.#memory.values()) {
      const line = new Float32Array(before * width)
      for (let t = 0; t < this.#length; t++) {
        line.set(memory.subarray(t * before * width, (t + 1) * before * width))
        const to = t * rows.length * width
        rows.forEach((row, i) => {
          memory.set(line.subarray(row * width, (row + 1) * width), to + i * width)
        })
      }
    }
    this.#batch = rows.length
  }
}
