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

/** x, w1, b1, w2, b2 of a feed-forward layer; the biases are undefined where there are none. */
const biased = <T>(inputs: readonly T[]): (T | undefined)[] =>
  inputs.length === 3 ? [inputs[0], inputs[1], undefined, inputs[2], undefined] : [...inputs]

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
    // Inputs: x, w1, b1, w2, b2, or without the biases. Saved: z = (x w1 + b1)/√2, gate = 1 + erf z.
    shape: ({ x }) => {
      const [input, w1, b1, w2, b2] = biased(x)
      requireRank(input!, 2, 'the input')
      requireEqualDims(input!.shape[1]!, w1!.shape[0]!, 'the width of the input and the rows of the first weight')
      requireEqualDims(w1!.shape[1]!, w2!.shape[0]!, 'the columns of the first and the rows of the second weight')
      requireBias(b1, w1!.shape[1]!)
      requireBias(b2, w2!.shape[1]!)
      const dtype = sameDtype(x)
      const hidden = { dtype, shape: [input!.shape[0]!, w1!.shape[1]!] }
      return [{ dtype, shape: [input!.shape[0]!, w2!.shape[1]!] }, hidden, hidden]
    },
    saved: 1,
    // d(z gate)/dz = gate + z · 2/√π exp(-z²). The hidden layer gate · z is computed again, a product of the least cost, rather
    // than kept; its factors are turned round, since z · gate would be shared with the forward pass.
    grad: ({ dy, ys: [, z, gate] }, ...inputs) => {
      const [x, w1, b1, w2] = biased(inputs)
      const dHidden = matMul(dy, w2!, { transB: true, alpha: root })
      const slope = add(gate!, mul(z!, exp(sub(logTwoOverRootPi, mul(z!, z!)))))
      const dz = mul(dHidden, slope)
      const dx = matMul(dz, w1!, { transB: true, alpha: root })
      const dw1 = matMul(x!, dz, { transA: true, alpha: root })
      const dw2 = matMul(mul(gate!, z!), dy, { transA: true, alpha: root })
      return b1 ? [dx, dw1, mul(reduceSum(dz, 0), root), dw2, reduceSum(dy, 0)] : [dx, dw1, dw2]
    },
    lower: ({ emit, names, used, x: info }) => {
      const [x, w1, b1, w2, b2] = biased(names)
      const { dtype } = info[0]!
      const one = emit.scalar(1, dtype)
      const first = b1 ? [x!, w1!, b1] : [x!, w1!]
      const second = b2 ? [w2!, b2] : [w2!]
      if (!used.slice(1).some(Boolean)) {
        const h = emit.op('Gemm', first)
        const gate = emit.op('Add', [emit.op('Erf', [emit.op('Div', [h, emit.scalar(Math.SQRT2, dtype)])]), one])
        const hidden = emit.op('Mul', [emit.op('Mul', [h, gate]), emit.scalar(0.5, dtype)])
        return [emit.op('Gemm', [hidden, ...second]), '', '']
      }
      const z = emit.op('Gemm', first, { alpha: float(root), beta: float(root) })
      const gate = emit.op('Add', [emit.op('Erf', [z]), one])
      const hidden = emit.op('Mul', [z, gate])
      return [emit.op('Gemm', [hidden, ...second], { alpha: float(root) }), z, gate]
    },
  },
} satisfies OpTable
