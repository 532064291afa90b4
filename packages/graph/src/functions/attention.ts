import type { Value } from '../graph.js'
import { apply } from './apply.js'
import { cast } from './elementwise.js'
import { range } from './shape.js'

export interface AttentionOptions {
  heads: number
  /** Heads of keys and values, each serving heads / keyHeads heads of queries (grouped-query attention); default `heads`. */
  keyHeads?: number
  /** bool [B, Tk] or [B, Tq, Tk], true for what may be seen. A row without any attends evenly to all. */
  mask?: Value
  /** Added to the scores; broadcasts to [B, heads, Tq, Tk]. */
  bias?: Value
  /** Query t sees keys up to t + Tk - Tq only: the last query stands at the last key. */
  causal?: boolean
  /** Drops weights with probability p, as `dropout` does. */
  dropout?: { p: number; seed: Value; salt: number; firstRow?: Value }
}

/**
 * Multi-head scaled dot-product attention (Vaswani et al. 2017); with fewer heads of keys, grouped-query attention (Ainslie et
 * al. 2023). q [B, Tq, heads·D], k and v [B, Tk, keyHeads·D] -> [B, Tq, heads·D]. Throws GraphError when these do not fit.
 */
export function attention(q: Value, k: Value, v: Value, options: AttentionOptions): Value {
  const { heads, keyHeads = heads, mask, bias, causal = false, dropout } = options
  const rest = [mask && cast(mask, 'bool'), bias, dropout?.seed, dropout?.firstRow].filter((x) => x !== undefined)
  return apply('attention', [q, k, v, ...rest], {
    heads,
    keyHeads,
    causal,
    masked: mask !== undefined,
    biased: bias !== undefined,
    dropout: dropout?.p ?? 0,
    salt: dropout?.salt ?? 0,
  })
}

export interface RotaryOptions {
  heads: number
  /** int64 [T] or [B, T]; default 0 … T-1. */
  positions?: Value
  /** Wavelengths grow from 2π to 2π · base; default 10,000. */
  base?: number
  /** The angle of each of the D/2 pairs for one position, in radians, in place of what `base` gives. */
  frequencies?: readonly number[]
  /** Pairs are neighbours (2i, 2i+1), as in the paper; default: i and i + D/2, as in Llama's published weights. */
  interleaved?: boolean
  /** Turns back. */
  inverse?: boolean
}

/**
 * Rotary position embedding (Su et al. 2021): turns each pair of a head's numbers by an angle that grows with the position, so
 * that products of queries and keys depend on their distance. x [B, T, heads·D], D even -> the same shape.
 */
export function rotary(x: Value, options: RotaryOptions): Value {
  const { heads, base = 10_000, frequencies = [], interleaved = false, inverse = false } = options
  const positions = options.positions ?? range(x.builder, x.shape[1]!)
  return apply('rotary', [x, positions], { heads, base, frequencies, interleaved, inverse })
}

/**
 * The fixed position vectors of Vaswani et al. 2017, sines in the first half and cosines in the second: positions int64 [...]
 * -> float32 [..., width], width even.
 */
export const sinusoids = (positions: Value, width: number, base = 10_000): Value =>
  apply('sinusoids', [positions], { width, base })
