import { printShape, type Shape } from '../dims.js'
import { add, exp, mul, sub } from '../functions/elementwise.js'
import { matMul } from '../functions/layers.js'
import { reduceSum } from '../functions/reductions.js'
import type { ValueInfo } from '../graph.js'
import { float } from '../onnx/emitter.js'
import { type OpTable, RuleViolation, row } from '../rule.js'
import { broadcastShapes, requireEqualDims, requireFloat, requireRank, sameDtype } from './shapes.js'

interface Product {
  transA: boolean
  transB: boolean
  alpha: number
}

const swapLast = (shape: Shape): Shape => [...shape.slice(0, -2), shape.at(-1)!, shape.at(-2)!]

const swapPerm = (rank: number) => [...Array(rank).keys()].slice(0, -2).concat(rank - 1, rank - 2)

const requireBias = (b: ValueInfo | undefined, width: Shape[number]) => {
  if (b && printShape(b.shape) !== printShape([width]))
    throw new RuleViolation(`the bias must be ${printShape([width])}`)
}

/** z (1 + erf z) = √2 gelu(√2 z): with both factors moved into the products around it, GELU costs two operations less. */
const root = Math.SQRT1_2
const logTwoOverRootPi = Math.log(2 / Math.sqrt(Math.PI))

export const products = {
  matMul: row<Product>({
    shape: ({ x: [a, b], attributes: { transA, transB } }) => {
      if (a!.shape.length < 2 || b!.shape.length < 2)
        throw new RuleViolation('both operands need at least two dimensions')
      requireFloat(a!)
      const left = transA ? swapLast(a!.shape) : a!.shape
      const right = transB ? swapLast(b!.shape) : b!.shape
      requireEqualDims(left.at(-1)!, right.at(-2)!, 'the inner dimensions')
      const batch = broadcastShapes(left.slice(0, -2), right.slice(0, -2))
      return [{ dtype: sameDtype([a!, b!]), shape: [...batch, left.at(-2)!, right.at(-1)!] }]
    },
    // y = αAB: dA = α dY Bᵀ, dB = α Aᵀ dY; a transposed operand takes the transposed gradient.
    grad: ({ dy, attributes: { transA, transB, alpha } }, a, b) => [
      transA ? matMul(b!, dy, { transA: transB, transB: true, alpha }) : matMul(dy, b!, { transB: !transB, alpha }),
      transB ? matMul(dy, a!, { transA: true, transB: transA, alpha }) : matMul(a!, dy, { transA: !transA, alpha }),
    ],
    lower: ({ emit, names: [a, b], x, attributes: { transA, transB, alpha } }) => {
      const ranks = x.map((v) => v.shape.length)
      if (ranks.every((rank) => rank === 2) && (transA || transB || alpha !== 1))
        return [emit.op('Gemm', [a!, b!], { transA: +transA, transB: +transB, alpha: float(alpha) })]
      // ONNX Runtime fuses Transpose, MatMul and the scalar Mul into one FusedMatMul.
      const left = transA ? emit.op('Transpose', [a!], { perm: swapPerm(ranks[0]!) }) : a!
      const right = transB ? emit.op('Transpose', [b!], { perm: swapPerm(ranks[1]!) }) : b!
      const product = emit.op('MatMul', [left, right])
      return [alpha === 1 ? product : emit.op('Mul', [product, emit.scalar(alpha, x[0]!.dtype)])]
    },
  }),

  linear: row<{ alpha: number; beta: number }>({
    shape: ({ x: [x, w, b] }) => {
      requireFloat(x!)
      requireRank(x!, 2, 'the input')
      requireRank(w!, 2, 'the weight')
      requireEqualDims(x!.shape[1]!, w!.shape[0]!, 'the width of the input and the rows of the weight')
      requireBias(b, w!.shape[1]!)
      return [{ dtype: sameDtype(b ? [x!, w!, b] : [x!, w!]), shape: [x!.shape[0]!, w!.shape[1]!] }]
    },
    grad: ({ dy, attributes: { alpha, beta } }, x, w) => [
      matMul(dy, w!, { transB: true, alpha }),
      matMul(x!, dy, { transA: true, alpha }),
      beta === 1 ? reduceSum(dy, 0) : mul(reduceSum(dy, 0), beta),
    ],
    lower: ({ emit, names, attributes: { alpha, beta } }) => [
      emit.op('Gemm', names, { alpha: float(alpha), beta: float(beta) }),
    ],
  }),

  feedForward: {
    // Saved: z = (x w1 + b1)/√2, gate = 1 + erf z, hidden = z · gate.
    shape: ({ x: [x, w1, b1, w2, b2] }) => {
      requireRank(x!, 2, 'the input')
      requireEqualDims(x!.shape[1]!, w1!.shape[0]!, 'the width of the input and the rows of the first weight')
      requireEqualDims(w1!.shape[1]!, w2!.shape[0]!, 'the columns of the first and the rows of the second weight')
      requireBias(b1, w1!.shape[1]!)
      requireBias(b2, w2!.shape[1]!)
      const dtype = sameDtype([x!, w1!, b1!, w2!, b2!])
      const hidden = { dtype, shape: [x!.shape[0]!, w1!.shape[1]!] }
      return [{ dtype, shape: [x!.shape[0]!, w2!.shape[1]!] }, hidden, hidden, hidden]
    },
    saved: 1,
    // d(z gate)/dz = gate + z · 2/√π exp(-z²)
    grad: ({ dy, ys: [, z, gate, hidden] }, x, w1, _b1, w2) => {
      const dHidden = matMul(dy, w2!, { transB: true, alpha: root })
      const slope = add(gate!, mul(z!, exp(sub(logTwoOverRootPi, mul(z!, z!)))))
      const dz = mul(dHidden, slope)
      return [
        matMul(dz, w1!, { transB: true, alpha: root }),
        matMul(x!, dz, { transA: true, alpha: root }),
        mul(reduceSum(dz, 0), root),
        matMul(hidden!, dy, { transA: true, alpha: root }),
        reduceSum(dy, 0),
      ]
    },
    lower: ({ emit, names: [x, w1, b1, w2, b2], used, x: info }) => {
      const { dtype } = info[0]!
      const one = emit.scalar(1, dtype)
      if (!used.slice(1).some(Boolean)) {
        const h = emit.op('Gemm', [x!, w1!, b1!])
        const gate = emit.op('Add', [emit.op('Erf', [emit.op('Div', [h, emit.scalar(Math.SQRT2, dtype)])]), one])
        const hidden = emit.op('Mul', [emit.op('Mul', [h, gate]), emit.scalar(0.5, dtype)])
        return [emit.op('Gemm', [hidden, w2!, b2!]), '', '', '']
      }
      const z = emit.op('Gemm', [x!, w1!, b1!], { alpha: float(root), beta: float(root) })
      const gate = emit.op('Add', [emit.op('Erf', [z]), one])
      const hidden = emit.op('Mul', [z, gate])
      return [emit.op('Gemm', [hidden, w2!, b2!], { alpha: float(root) }), z, gate, hidden]
    },
  },
} satisfies OpTable
