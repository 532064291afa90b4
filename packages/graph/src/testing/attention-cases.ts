import type { Shape } from '../dims.js'
import { attention, rotary, sinusoids } from '../functions/attention.js'
import { flags, ids, list, type NdArray, nd, random, softmaxOf, sum } from './array.js'
import type { Case } from './case.js'
import { keeps } from './random-cases.js'

interface Form {
  B?: number
  Tq?: number
  Tk?: number
  heads?: number
  keyHeads?: number
  /** Width of a head. */
  D?: number
  causal?: boolean
  mask?: NdArray
  bias?: NdArray
  p?: number
  /** Row of the whole batch that this one begins with. */
  firstRow?: number
  shapes?: Shape[]
  differentiate?: number[]
}

const seed = 3_000_000_019

/** Attention written out element by element; all that is optional is given by the form. */
function attentionCase(name: string, form: Form): Case {
  const {
    B = 2,
    Tq = 3,
    Tk = Tq,
    heads = 2,
    keyHeads = heads,
    D = 2,
    causal = false,
    mask,
    bias,
    p = 0,
    firstRow,
    shapes,
  } = form
  const q = random([B, Tq, heads * D], 1)
  const [k, v] = [random([B, Tk, keyHeads * D], 2), random([B, Tk, keyHeads * D], 3)]
  const extra = [
    mask,
    bias,
    p > 0 ? list([seed], [], 'uint32') : undefined,
    firstRow === undefined ? undefined : list([firstRow], [], 'uint32'),
  ].filter((x) => x !== undefined)
  const group = heads / keyHeads
  return {
    name,
    inputs: [q, k, v, ...extra],
    shapes,
    differentiate: form.differentiate ?? (bias ? [0, 1, 2, 3 + Number(mask !== undefined)] : [0, 1, 2]),
    build: (q, k, v, ...rest) => {
      const options = { mask: mask && rest.shift(), bias: bias && rest.shift() }
      const dropout = p > 0 ? { p, seed: rest[0]!, salt: 5, firstRow: rest[1] } : undefined
      return attention(q!, k!, v!, { heads, keyHeads, causal, ...options, dropout })
    },
    reference: (q, k, v, ...rest) => {
      const seen = mask && rest.shift()
      const added = bias && rest.shift()
      return nd([B, Tq, heads * D], (b, t, c) => {
        const head = Math.floor(c / D)
        const first = Math.floor(head / group) * D
        const score = (s: number) => {
          const masked = seen && !(seen.dims.length === 2 ? seen.at(b, s) : seen.at(b, t, s))
          const own = sum(D, (d) => q!.at(b, t, head * D + d) * k!.at(b, s, first + d)) / Math.sqrt(D)
          return (masked || (causal && s > t + Tk - Tq) ? -1e9 : own) + (added ? added.at(b, head, t, s) : 0)
        }
        const kept = (s: number) => {
          if (p === 0) return 1
          return keeps(b + (firstRow ?? 0), (head * Tq + t) * Tk + s, seed, 5, p) ? 1 / (1 - p) : 0
        }
        return sum(Tk, (s) => kept(s) * softmaxOf(Tk, score, s) * v!.at(b, s, first + (c % D)))
      })
    },
  }
}

const padding = flags([1, 1, 0, 1, 1, 1], [2, 3])
const named = (width: number): Shape[] => [
  ['B', 'Q', width],
  ['B', 'K', width],
  ['B', 'K', width],
]

/** Element c of row t, turned by the angle of position at(b, t). */
function rotaryCase(
  name: string,
  {
    interleaved = false,
    inverse = false,
    positions = undefined as NdArray | undefined,
    frequencies = undefined as number[] | undefined,
  },
): Case {
  const [B, T, heads, D, base] = [2, 3, 2, 4, 100]
  const at = (b: number, t: number) => (positions ? positions.at(b, t) : t)
  return {
    name,
    inputs: [random([B, T, heads * D]), ...(positions ? [positions] : [])],
    shapes: [['B', 'T', heads * D], ...(positions ? [positions.dims.length === 1 ? ['T'] : ['B', 'T']] : [])],
    differentiate: [0],
    build: (x, places) => rotary(x!, { heads, base, frequencies, interleaved, inverse, positions: places }),
    reference: (x) =>
      nd([B, T, heads * D], (b, t, c) => {
        const first = Math.floor(c / D) * D
        const place = c - first
        const pair = interleaved ? Math.floor(place / 2) : place % (D / 2)
        const second = interleaved ? place % 2 === 1 : place >= D / 2
        const angle = (inverse ? -1 : 1) * at(b, t) * (frequencies?.[pair] ?? base ** ((-2 * pair) / D))
        const a = x!.at(b, t, first + (interleaved ? 2 * pair : pair))
        const other = x!.at(b, t, first + (interleaved ? 2 * pair + 1 : pair + D / 2))
        return second ? other * Math.cos(angle) + a * Math.sin(angle) : a * Math.cos(angle) - other * Math.sin(angle)
      }),
  }
}

export const attentionCases: Case[] = [
  attentionCase('attention', {}),
  attentionCase('attention with a padding mask', { mask: padding }),
  attentionCase('causal attention with a padding mask, named dims', {
    causal: true,
    mask: padding,
    shapes: [...Array(3).fill(['B', 'T', 4]), ['B', 'T']],
  }),
  attentionCase('attention with a mask for each query', {
    mask: flags([1, 0, 1, 1, 1, 0, 0, 1, 1, 1, 1, 1], [2, 2, 3]),
    Tq: 2,
    Tk: 3,
    shapes: [...named(4), ['B', 'Q', 'K']],
  }),
  attentionCase('attention with a bias for each head', { bias: random([2, 3, 3], 7), causal: true }),
  attentionCase('attention to another sequence', { Tq: 2, Tk: 3, heads: 4, D: 1, shapes: named(4) }),
  attentionCase('causal attention that also sees keys from before', {
    causal: true,
    Tq: 2,
    Tk: 5,
    shapes: [['B', 'T', 4], ...Array(2).fill(['B', 'P+T', 4])],
  }),
  attentionCase('grouped-query attention', {
    heads: 4,
    keyHeads: 2,
    causal: true,
    mask: padding,
    shapes: [
      ['B', 'T', 8],
      ['B', 'T', 4],
      ['B', 'T', 4],
      ['B', 'T'],
    ],
  }),
  attentionCase('multi-query attention with a bias', { heads: 3, keyHeads: 1, bias: random([1, 3, 1, 3], 4) }),
  attentionCase('attention with dropout of its weights', { p: 0.4, causal: true, heads: 4, keyHeads: 2 }),
  attentionCase('attention with dropout of a share of a batch', { p: 0.3, firstRow: 4 }),
  {
    name: 'attention where a row is all padding',
    inputs: [random([1, 2, 2], 1), random([1, 2, 2], 2), random([1, 2, 2], 3), flags([0, 0], [1, 2])],
    differentiate: [],
    build: (q, k, v, mask) => attention(q!, k!, v!, { heads: 1, mask }),
    reference: (_q, _k, v) => nd([1, 2, 2], (_b, _t, c) => (v!.at(0, 0, c) + v!.at(0, 1, c)) / 2),
  },
  rotaryCase('rotary', {}),
  rotaryCase('rotary by frequencies', { frequencies: [0.7, 0.02] }),
  rotaryCase('rotary of neighbours, back', { interleaved: true, inverse: true }),
  rotaryCase('rotary at positions of each row', { positions: ids([5, 6, 7, 0, 0, 1], [2, 3]) }),
  rotaryCase('rotary of neighbours at positions', { interleaved: true, positions: ids([3, 4, 9]) }),
  {
    name: 'sinusoids',
    inputs: [ids([0, 3, 50])],
    shapes: [['T']],
    build: (positions) => sinusoids(positions!, 6),
    reference: (positions) =>
      nd([3, 6], (t, c) => {
        const angle = positions!.at(t) * 10_000 ** ((-2 * (c % 3)) / 6)
        return c < 3 ? Math.sin(angle) : Math.cos(angle)
      }),
  },
]
