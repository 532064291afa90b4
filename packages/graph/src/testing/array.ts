import type { DType } from '../tensor.js'

/** The reference's arrays: float64, read element by element. Nothing here knows the table of ops. */
export class NdArray {
  constructor(
    readonly dims: readonly number[],
    readonly data: Float64Array,
    readonly dtype: DType = 'float32',
  ) {}

  /** The element at an index; missing leading indices and dims of 1 are as in NumPy's broadcasting. */
  at(...index: number[]): number {
    const own = index.slice(index.length - this.dims.length)
    let offset = 0
    for (let axis = 0; axis < this.dims.length; axis++) {
      const size = this.dims[axis]!
      offset = offset * size + (size === 1 ? 0 : own[axis]!)
    }
    return this.data[offset]!
  }
}

/** An array made element by element. */
export function nd(
  dims: readonly number[],
  element: (...index: number[]) => number,
  dtype: DType = 'float32',
): NdArray {
  const size = dims.reduce((a, b) => a * b, 1)
  const data = new Float64Array(size)
  const index = dims.map(() => 0)
  for (let i = 0; i < size; i++) {
    data[i] = element(...index)
    for (let axis = dims.length - 1; axis >= 0 && ++index[axis]! === dims[axis]; axis--) index[axis] = 0
  }
  return new NdArray(dims, data, dtype)
}

export const scalar = (value: number) => new NdArray([], Float64Array.of(value))

export const list = (values: readonly number[], dims: readonly number[] = [values.length], dtype: DType = 'float32') =>
  new NdArray(dims, Float64Array.from(values), dtype)

export const ids = (values: readonly number[], dims: readonly number[] = [values.length]) => list(values, dims, 'int64')

export const flags = (values: readonly number[], dims: readonly number[] = [values.length]) =>
  list(values, dims, 'bool')

/** Numbers spread over (-2, 2), the same on every run (Lehmer generator). Rounded to float32, as the runtime sees them. */
export function random(dims: readonly number[], seed = 1, from = -2, to = 2): NdArray {
  let state = seed * 7919 + 17
  return nd(dims, () => {
    state = (state * 48271) % 2147483647
    return Math.fround(from + ((to - from) * state) / 2147483647)
  })
}

export const map = (x: NdArray, f: (v: number) => number, dtype: DType = x.dtype) =>
  new NdArray(x.dims, x.data.map(f), dtype)

export const sum = (n: number, term: (i: number) => number): number => {
  let total = 0
  for (let i = 0; i < n; i++) total += term(i)
  return total
}

export const largest = (n: number, term: (i: number) => number): number => {
  let best = Number.NEGATIVE_INFINITY
  for (let i = 0; i < n; i++) best = Math.max(best, term(i))
  return best
}

/** softmax over n places of scores given by index. */
export const softmaxOf = (n: number, score: (k: number) => number, k: number) => {
  const top = largest(n, score)
  return Math.exp(score(k) - top) / sum(n, (i) => Math.exp(score(i) - top))
}

/** By its power series, which is exact enough for |x| < 4. */
export function erf(x: number): number {
  let term = x
  let total = x
  for (let n = 1; n < 120; n++) {
    term *= (-x * x) / n
    total += term / (2 * n + 1)
  }
  return (2 / Math.sqrt(Math.PI)) * total
}
