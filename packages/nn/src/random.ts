/**
 * Seeded random numbers that are a pure function of (seed, stream, counter), so a generator is resumed by its counter
 * alone. The block function is Threefry-2x32 with 20 rounds (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3",
 * SC 2011).
 */
/** Rotations of rounds 1 to 4 and so on in turns. */
const ODD = [13, 15, 26, 6] as const
const EVEN = [17, 29, 16, 24] as const
const PARITY = 0x1bd11bda

/** One Threefry-2x32-20 block: two 32-bit words from a two-word key and a two-word counter, written to `out`. */
export function threefry(key0: number, key1: number, counter0: number, counter1: number, out: Uint32Array): void {
  let [k0, k1, k2] = [key0, key1, PARITY ^ key0 ^ key1]
  let x0 = (counter0 + k0) | 0
  let x1 = (counter1 + k1) | 0
  for (let injection = 1; injection <= 5; injection++) {
    const [r0, r1, r2, r3] = injection & 1 ? ODD : EVEN
    x0 = (x0 + x1) | 0
    x1 = ((x1 << r0) | (x1 >>> (32 - r0))) ^ x0
    x0 = (x0 + x1) | 0
    x1 = ((x1 << r1) | (x1 >>> (32 - r1))) ^ x0
    x0 = (x0 + x1) | 0
    x1 = ((x1 << r2) | (x1 >>> (32 - r2))) ^ x0
    x0 = (x0 + x1) | 0
    x1 = ((x1 << r3) | (x1 >>> (32 - r3))) ^ x0
    const passed = k0
    k0 = k1
    k1 = k2
    k2 = passed
    x0 = (x0 + k0) | 0
    x1 = (x1 + k1 + injection) | 0
  }
  out[0] = x0
  out[1] = x1
}

/** 32-bit FNV-1a of a text; folds names (parameter paths, purposes) into a stream number. */
export function hashName(name: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193)
  return hash >>> 0
}

/**
 * A stream of random numbers. Equal (seed, stream) give equal numbers on every machine.
 * `counter` says how many 32-bit words were drawn; setting it resumes the stream there.
 */
export class Random {
  readonly #key0: number
  readonly #key1: number
  readonly #block = new Uint32Array(2)
  #loaded = -1
  counter = 0

  /** `seed`: any integer up to 2^53; `stream`: a number or a name that separates independent uses of one seed. */
  constructor(seed: number, stream: number | string = 0) {
    const name = typeof stream === 'string' ? hashName(stream) : stream >>> 0
    this.#key0 = seed | 0
    this.#key1 = (Math.floor(seed / 4294967296) ^ name) | 0
  }

  /** Uniform in 0 … 2^32-1. */
  uint32(): number {
    const block = Math.floor(this.counter / 2)
    if (block !== this.#loaded) {
      threefry(this.#key0, this.#key1, block | 0, Math.floor(block / 4294967296), this.#block)
      this.#loaded = block
    }
    return this.#block[this.counter++ & 1]!
  }

  /** Uniform in [0, 1), 32 random bits. */
  uniform(): number {
    return this.uint32() / 4294967296
  }

  /** Standard normal (Box and Muller 1958; both words of a pair are used for one number, so draws stay resumable). */
  normal(): number {
    const radius = Math.sqrt(-2 * Math.log((this.uint32() + 0.5) / 4294967296))
    return radius * Math.cos(2 * Math.PI * this.uniform())
  }

  /** Uniform integer in 0 … bound-1, bound at most 2^32. */
  integer(bound: number): number {
    return Math.floor((this.uint32() / 4294967296) * bound)
  }

  /** Shuffles the first `length` places of `items` (Fisher and Yates). */
  shuffle<T extends Int32Array | unknown[]>(items: T, length = items.length): T {
    const places = items as Int32Array
    for (let i = length - 1; i > 0; i--) {
      const j = this.integer(i + 1)
      const kept = places[i]!
      places[i] = places[j]!
      places[j] = kept
    }
    return items
  }

  /** A random order of 0 … count-1. */
  permutation(count: number): Int32Array {
    return this.shuffle(Int32Array.from({ length: count }, (_, i) => i))
  }
}
