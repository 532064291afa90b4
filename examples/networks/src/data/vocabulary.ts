import { type Tensor, tensorOf } from '@volant/graph'

const padding = 0
const unknown = 1
const first = 2

/** Tokens by number: 0 pads, 1 stands for those it does not hold. */
export class Vocabulary {
  readonly tokens: readonly string[]
  readonly #ids: ReadonlyMap<string, number>

  /** The tokens seen at least `least` times, the most frequent first. */
  constructor(texts: Iterable<readonly string[]>, least = 1) {
    const counts = new Map<string, number>()
    for (const text of texts) for (const token of text) counts.set(token, (counts.get(token) ?? 0) + 1)
    const kept = [...counts].filter(([, count]) => count >= least)
    kept.sort(([a, n], [b, m]) => m - n || (a < b ? -1 : 1))
    this.tokens = kept.map(([token]) => token)
    this.#ids = new Map(this.tokens.map((token, i) => [token, i + first]))
  }

  get size(): number {
    return this.tokens.length + first
  }

  ids(tokens: readonly string[]): number[] {
    return tokens.map((token) => this.#ids.get(token) ?? unknown)
  }

  /** The tokens of the ids, one after the other; padding and unknown ones are left out. */
  text(ids: readonly number[]): string {
    return ids.map((id) => this.tokens[id - first] ?? '').join('')
  }
}

/** Rows of unlike length as int64 [rows, longest], filled up with `fill`. */
export function padded(rows: readonly (readonly number[])[], fill = padding): Tensor {
  const longest = Math.max(1, ...rows.map((row) => row.length))
  const data = new BigInt64Array(rows.length * longest).fill(BigInt(fill))
  rows.forEach((row, i) => {
    row.forEach((id, t) => {
      data[i * longest + t] = BigInt(id)
    })
  })
  return { dtype: 'int64', dims: [rows.length, longest], data }
}

/** Numbers as int64 [n]. */
export const column = (values: readonly number[]): Tensor => tensorOf('int64', [values.length], [...values])

/** `rows` numbers from 0 on in pieces of at most `size`. */
export function* pieces(rows: number, size: number): Generator<Int32Array> {
  for (let from = 0; from < rows; from += size)
    yield Int32Array.from({ length: Math.min(size, rows - from) }, (_, i) => from + i)
}
