import type { Dim } from '../dims.js'
import { mul, sub } from '../functions/elementwise.js'
import { matMul } from '../functions/layers.js'
import { reduceSum } from '../functions/reductions.js'
import { reshape, transpose, unsqueeze } from '../functions/shape.js'
import type { Value, ValueInfo } from '../graph.js'
import type { Emitter } from '../onnx/emitter.js'
import { type OpTable, RuleViolation, row } from '../rule.js'
import { requireDtype, requireEqualDims, requireRank, sameDtype } from './shapes.js'

interface Heads {
  heads: number
  causal: boolean
}

/** Score of a position that must not be seen; finite, so that a row with nothing to see stays free of NaN. */
const hidden = -1e9

const swapHeads = [0, 2, 1, 3]

/** [B, T, H] -> [B, heads, T, H/heads] */
const splitHeads = (x: Value, heads: number): Value => {
  const [B, T, H] = x.shape
  return transpose(reshape(x, [B!, T!, heads, Number(H) / heads]), swapHeads)
}

/** The opposite of splitHeads. */
const joinHeads = (x: Value): Value => {
  const [B, heads, T, D] = x.shape
  return reshape(transpose(x, swapHeads), [B!, T!, Number(heads) * Number(D)])
}

export const attentionOps = {
  attention: row<Heads>({
    // Saved: the probabilities P [B, heads, Tq, Tk].
    shape: ({ x: [q, k, v, mask], attributes: { heads } }) => {
      for (const [value, what] of [
        [q!, 'q'],
        [k!, 'k'],
        [v!, 'v'],
      ] as const)
        requireRank(value, 3, what)
      const [B, Tq, H] = q!.shape
      if (typeof H !== 'number' || H % heads !== 0)
        throw new RuleViolation(`the width must be a multiple of ${heads} heads`)
      if (k!.shape.join() !== v!.shape.join()) throw new RuleViolation('k and v differ in shape')
      requireEqualDims(B!, k!.shape[0]!, 'the batch dims of q and k')
      requireEqualDims(H, k!.shape[2]!, 'the widths of q and k')
      const Tk = k!.shape[1]!
      if (mask) {
        requireDtype(mask, 'bool')
        if (mask.shape.join() !== [B, Tk].join()) throw new RuleViolation(`the mask must be [${B},${Tk}]`)
      }
      const dtype = sameDtype([q!, k!, v!])
      return [
        { dtype, shape: q!.shape },
        { dtype, shape: [B!, heads, Tq!, Tk] },
      ]
    },
    saved: 1,
    // dV = Pᵀ dO, dP = dO Vᵀ, dS = P (dP - rowsum(dO·O)), dQ = α dS K, dK = α dSᵀ Q  (FlashAttention, Dao et al. 2022)
    grad: ({ dy, ys: [o, p], attributes: { heads } }, q, k, v) => {
      const [B, T, H] = q!.shape
      const D = Number(H) / heads
      const alpha = 1 / Math.sqrt(D)
      const dO = splitHeads(dy, heads)
      const perHead = reduceSum(reshape(mul(dy, o!), [B!, T!, heads, D]), 3)
      const delta = unsqueeze(transpose(perHead, [0, 2, 1]), 3)
      const dS = mul(p!, sub(matMul(dO, splitHeads(v!, heads), { transB: true }), delta))
      return [
        joinHeads(matMul(dS, splitHeads(k!, heads), { alpha })),
        joinHeads(matMul(dS, splitHeads(q!, heads), { transA: true, alpha })),
        joinHeads(matMul(p!, dO, { transA: true })),
        null,
      ]
    },
    lower: ({ emit, names: [q, k, v, mask], x, attributes: { heads, causal } }) => {
      const [Q, K, V] = [q!, k!, v!].map((name, i) => splitInOnnx(emit, name, x[i]!, heads)) as [string, string, string]
      const [B, Tq, H] = x[0]!.shape
      const Tk = x[1]!.shape[1]!
      const D = Number(H) / heads
      const { dtype } = x[0]!
      const Kt = emit.op('Transpose', [K], { perm: [0, 1, 3, 2] })
      let scores = emit.op('Mul', [emit.op('MatMul', [Q, Kt]), emit.scalar(1 / Math.sqrt(D), dtype)])
      const hide = (visible: string) => {
        const bias = emit.op('Where', [visible, emit.scalar(0, dtype), emit.scalar(hidden, dtype)])
        scores = emit.op('Add', [scores, bias])
      }
      if (mask) hide(emit.reshape(mask, [B!, Tk], [B!, 1, 1, Tk]))
      if (causal) hide(emit.op('LessOrEqual', [positions(emit, Tk, [1, Tk]), positions(emit, Tq!, [Tq!, 1])]))
      const P = emit.op('Softmax', [scores], { axis: -1 })
      const O = emit.op('Transpose', [emit.op('MatMul', [P, V])], { perm: swapHeads })
      return [emit.reshape(O, [B!, Tq!, heads, D], [B!, Tq!, H!]), P]
    },
  }),
} satisfies OpTable

const splitInOnnx = (emit: Emitter, name: string, { shape: [B, T, H] }: ValueInfo, heads: number): string => {
  const parts = emit.reshape(name, [B!, T!, H!], [B!, T!, heads, Number(H) / heads])
  return emit.op('Transpose', [parts], { perm: swapHeads })
}

/** 0 … n-1 as a row or a column. */
const positions = (emit: Emitter, n: Dim, shape: readonly Dim[]): string => {
  const range = emit.op('Range', [emit.scalar(0, 'int64'), emit.dim(n), emit.scalar(1, 'int64')])
  return emit.reshape(range, [n], shape)
}
