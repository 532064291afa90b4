import { type Dim, multiplyDims } from '../dims.js'
import { add, cast, mul, sub } from '../functions/elementwise.js'
import { dropout, matMul } from '../functions/layers.js'
import { reduceSum } from '../functions/reductions.js'
import { reshape, slice, transpose, unsqueeze } from '../functions/shape.js'
import type { Value, ValueInfo } from '../graph.js'
import type { Emitter } from '../onnx/emitter.js'
import { type LowerContext, type OpTable, RuleViolation, row } from '../rule.js'
import { random } from './random.js'
import { broadcastShapes, requireDtype, requireEqualDims, requireRank, sameDtype } from './shapes.js'

/** The inputs are q, k, v and, where they are given: mask, bias, seed, firstRow. */
interface Attention {
  heads: number
  /** Each of them serves heads / keyHeads query heads. */
  keyHeads: number
  causal: boolean
  masked: boolean
  biased: boolean
  /** Probability of dropping a weight; above 0 there is a seed. */
  dropout: number
  salt: number
}

/** Score of a position that must not be seen; finite, so that a row with nothing to see stays free of NaN. */
const hidden = -1e9

const swapHeads = [0, 2, 1, 3]

function named<T>([q, k, v, ...rest]: readonly T[], { masked, biased, dropout: p }: Attention) {
  const mask = masked ? rest.shift() : undefined
  const bias = biased ? rest.shift() : undefined
  const [seed, firstRow] = p > 0 ? rest : []
  return { q: q!, k: k!, v: v!, mask, bias, seed, firstRow }
}

/** [B, T, heads·D] -> [B, heads, T, D] */
const splitHeads = (x: Value, heads: number): Value => {
  const [B, T, H] = x.shape
  return transpose(reshape(x, [B!, T!, heads, Number(H) / heads]), swapHeads)
}

/** The opposite of splitHeads. */
const joinHeads = (x: Value): Value => {
  const [B, heads, T, D] = x.shape
  return reshape(transpose(x, swapHeads), [B!, T!, Number(heads) * Number(D)])
}

/** [B, heads, T, D] with the heads that share keys stacked, [B, keyHeads, heads/keyHeads·T, D]; a view. */
const stack = (x: Value, keyHeads: number): Value => {
  const [B, , , D] = x.shape
  return x.shape[1] === keyHeads ? x : reshape(x, [B!, keyHeads, -1, D!])
}

const unstack = (x: Value, heads: number): Value => {
  const [B, , , D] = x.shape
  return x.shape[1] === heads ? x : reshape(x, [B!, heads, -1, D!])
}

export const attentionOps = {
  attention: row<Attention>({
    // Saved: the probabilities P [B, heads, Tq, Tk], before dropout.
    shape: ({ x, attributes }) => {
      const { heads, keyHeads } = attributes
      const { q, k, v, mask, bias, seed } = named(x, attributes)
      requireRank(q, 3, 'q')
      requireRank(k, 3, 'k')
      requireRank(v, 3, 'v')
      const [B, Tq, H] = q.shape
      const Tk = k.shape[1]!
      if (typeof H !== 'number' || H % heads !== 0)
        throw new RuleViolation(`the width must be a multiple of ${heads} heads`)
      if (heads % keyHeads !== 0)
        throw new RuleViolation(`${heads} heads cannot share ${keyHeads} heads of keys: not a multiple`)
      if (k.shape.join() !== v.shape.join()) throw new RuleViolation('k and v differ in shape')
      requireEqualDims(B!, k.shape[0]!, 'the batch dims of q and k')
      requireEqualDims(
        (H / heads) * keyHeads,
        k.shape[2]!,
        `the width of ${keyHeads} heads like those of q and that of k`,
      )
      const scores = [B!, heads, Tq!, Tk]
      if (mask) {
        requireDtype(mask, 'bool')
        if (![[B, Tk].join(), [B, Tq, Tk].join()].includes(mask.shape.join()))
          throw new RuleViolation(`the mask must be [${B},${Tk}] or [${B},${Tq},${Tk}]`)
      }
      if (bias && broadcastShapes(bias.shape, scores).join() !== scores.join())
        throw new RuleViolation(`the bias must broadcast to [${scores}]`)
      if (seed) requireDtype(seed, 'uint32')
      const dtype = sameDtype(bias ? [q, k, v, bias] : [q, k, v])
      return [
        { dtype, shape: q.shape },
        { dtype, shape: scores },
      ]
    },
    saved: 1,
    // With D the dropout's factors: dV = (P D)ᵀ dO, dP = (dO Vᵀ) D, dS = P (dP - rowsum(dO·O)), dQ = α dS K, dK = α dSᵀ Q
    // (FlashAttention, Dao et al. 2022).
    grad: ({ dy, ys: [o, p], attributes }, ...x) => {
      const { heads, keyHeads, dropout: rate, salt } = attributes
      const { q, k, v, seed, firstRow } = named(x, attributes)
      const [B, T, H] = q.shape
      const D = Number(H) / heads
      const alpha = 1 / Math.sqrt(D)
      const dO = splitHeads(dy, heads)
      const perHead = reduceSum(reshape(mul(dy, o!), [B!, T!, heads, D]), 3)
      const delta = unsqueeze(transpose(perHead, [0, 2, 1]), 3)
      // Made again rather than kept: the factors are as large as P.
      const again = seed && afterwards(seed, dy)
      const drop = (values: Value) => (again ? dropout(values, rate, again, { salt, firstRow }) : values)
      const stackedO = stack(dO, keyHeads)
      const dP = drop(unstack(matMul(stackedO, splitHeads(v, keyHeads), { transB: true }), heads))
      const dS = mul(p!, sub(dP, delta))
      const stackedS = stack(dS, keyHeads)
      return [
        joinHeads(unstack(matMul(stackedS, splitHeads(k, keyHeads), { alpha }), heads)),
        joinHeads(matMul(stackedS, stack(splitHeads(q, heads), keyHeads), { transA: true, alpha })),
        joinHeads(matMul(stack(drop(p!), keyHeads), stackedO, { transA: true })),
        ...x.slice(3).map((_, i) => (attributes.biased && i === Number(attributes.masked) ? dS : null)),
      ]
    },
    lower: (context) => {
      const { emit, attributes, x, y } = context
      const { heads, keyHeads } = attributes
      const { q, k, v, bias, seed, firstRow } = named(context.names, attributes)
      const [B, Tq, H] = x[0]!.shape
      const Tk = x[1]!.shape[1]!
      const D = Number(H) / heads
      const [dtype, group] = [x[0]!.dtype, heads / keyHeads]
      const fold = (name: string, width: Dim) =>
        emit.reshape(name, [B!, heads, Tq!, width], [B!, keyHeads, multiplyDims(group, Tq!), width])
      const unfold = (name: string, width: Dim) =>
        emit.reshape(name, [B!, keyHeads, multiplyDims(group, Tq!), width], [B!, heads, Tq!, width])
      const Q = fold(splitInOnnx(emit, q, x[0]!, heads), D)
      const [K, V] = [splitInOnnx(emit, k, x[1]!, keyHeads), splitInOnnx(emit, v, x[2]!, keyHeads)]
      const Kt = emit.op('Transpose', [K], { perm: [0, 1, 3, 2] })
      let scores = emit.op('Mul', [emit.op('MatMul', [Q, Kt]), emit.scalar(1 / Math.sqrt(D), dtype)])
      scores = unfold(scores, Tk)
      if (bias) scores = emit.op('Add', [scores, bias])
      const visible = visibleInOnnx(context)
      if (visible) {
        const shade = emit.op('Where', [visible, emit.scalar(0, dtype), emit.scalar(hidden, dtype)])
        scores = emit.op('Add', [scores, shade])
      }
      const P = emit.op('Softmax', [scores], { axis: -1 })
      const weights = seed
        ? random.dropout.lower({
            ...context,
            names: firstRow ? [P, seed, firstRow] : [P, seed],
            x: [y[1]!],
            attributes: { p: attributes.dropout, salt: attributes.salt },
          })[0]!
        : P
      const O = unfold(emit.op('MatMul', [fold(weights, Tk), V]), D)
      const joined = emit.op('Transpose', [O], { perm: swapHeads })
      return [emit.reshape(joined, [B!, Tq!, heads, D], [B!, Tq!, H!]), P]
    },
  }),
} satisfies OpTable

/** The same seed, known only after `dy`: so that what is made from it is made again and not shared with the forward pass. */
function afterwards(seed: Value, dy: Value): Value {
  const first = [0, 1, 2].reduce((x, axis) => slice(x, { axis, start: 0, end: 1 }), dy)
  return add(seed, cast(mul(reshape(first, []), 0), seed.dtype))
}

const splitInOnnx = (emit: Emitter, name: string, { shape: [B, T, H] }: ValueInfo, heads: number): string => {
  const parts = emit.reshape(name, [B!, T!, H!], [B!, T!, heads, Number(H) / heads])
  return emit.op('Transpose', [parts], { perm: swapHeads })
}

/** bool, which keys each query may see, to be broadcast to [B, heads, Tq, Tk]; undefined where it sees all. */
function visibleInOnnx({ emit, names, x, attributes }: LowerContext<Attention>): string | undefined {
  const { mask } = named(names, attributes)
  const [B, Tq] = x[0]!.shape
  const Tk = x[1]!.shape[1]!
  const shape = named(x, attributes).mask?.shape
  const allowed = mask && shape && emit.reshape(mask, shape, shape.length === 2 ? [B!, 1, 1, Tk] : [B!, 1, Tq!, Tk])
  if (!attributes.causal) return allowed
  // The last query stands at the last key, so that keys from before (a cache) are seen.
  const places = positions(emit, Tq!, [Tq!, 1])
  const last = Tk === Tq ? places : emit.op('Add', [places, emit.op('Sub', [emit.dim(Tk), emit.dim(Tq!)])])
  const past = emit.op('LessOrEqual', [positions(emit, Tk, [1, Tk]), last])
  return allowed ? emit.op('And', [allowed, past]) : past
}

/** 0 … n-1 as a row or a column. */
const positions = (emit: Emitter, n: Dim, shape: readonly Dim[]): string => {
  const range = emit.op('Range', [emit.scalar(0, 'int64'), emit.dim(n), emit.scalar(1, 'int64')])
  return emit.reshape(range, [n], shape)
}
