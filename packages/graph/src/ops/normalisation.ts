import { printShape } from '../dims.js'
import { add, div, exp, mul, sub } from '../functions/elementwise.js'
import { matMul } from '../functions/layers.js'
import { reduceSum } from '../functions/reductions.js'
import { countOf, reshape } from '../functions/shape.js'
import { countAsFloat, float } from '../onnx/emitter.js'
import { type OpTable, RuleViolation, row } from '../rule.js'
import { requireRank, sameDtype, sameFloat } from './shapes.js'

export const normalisation = {
  softmax: row<{ axis: number }>({
    shape: sameFloat,
    // dx = y (dy - Σ y dy)
    grad: ({ dy, y, attributes: { axis } }) => [mul(y, sub(dy, reduceSum(mul(y, dy), axis, true)))],
    lower: ({ emit, names, attributes: { axis } }) => [emit.op('Softmax', names, { axis })],
  }),
  logSoftmax: row<{ axis: number }>({
    shape: sameFloat,
    grad: ({ dy, y, attributes: { axis } }) => [sub(dy, mul(exp(y), reduceSum(dy, axis, true)))],
    lower: ({ emit, names, attributes: { axis } }) => [emit.op('LogSoftmax', names, { axis })],
  }),
  layerNorm: row<{ eps: number }>({
    // Saved: mean and 1/deviation of each row, [N,1].
    shape: ({ x: [x, gamma, beta] }) => {
      requireRank(x!, 2, 'the input')
      const [rows, width] = x!.shape
      for (const p of [gamma!, beta!])
        if (printShape(p.shape) !== printShape([width!])) throw new RuleViolation(`gamma and beta must be [${width}]`)
      const statistic = { dtype: sameDtype([x!, gamma!, beta!]), shape: [rows!, 1] }
      return [x!, statistic, statistic]
    },
    saved: 1,
    // With xh = (x-mean)·inv and p = dy·xh: dx = inv (dy·gamma - mean(dy·gamma) - xh mean(p·gamma)); the row means are
    // products with gamma/H, which are faster than ReduceMean.
    grad: ({ dy, ys: [, mean, inverse] }, x, gamma) => {
      const width = x!.shape[1]!
      const xh = mul(sub(x!, mean!), inverse!)
      const p = mul(dy, xh)
      const column = div(reshape(gamma!, [width, 1]), countOf(x!, [1]))
      const inner = sub(sub(mul(dy, gamma!), matMul(dy, column)), mul(xh, matMul(p, column)))
      return [mul(inverse!, inner), reduceSum(p, 0), reduceSum(dy, 0)]
    },
    again: ({ ys: [, mean, inverse] }, x, gamma, beta) => add(mul(mul(sub(x!, mean!), inverse!), gamma!), beta!),
    lower: ({ emit, names, used, attributes: { eps } }) => {
      const saves = used[1] || used[2]
      const names3 = emit.ops('LayerNormalization', names, saves ? 3 : 1, { axis: -1, epsilon: float(eps) })
      return [...names3]
    },
  }),
  rmsNorm: row<{ eps: number }>({
    // Saved: 1 / root mean square of each row, [N,1].
    shape: ({ x: [x, gamma] }) => {
      requireRank(x!, 2, 'the input')
      const [rows, width] = x!.shape
      if (printShape(gamma!.shape) !== printShape([width!])) throw new RuleViolation(`gamma must be [${width}]`)
      return [x!, { dtype: sameDtype([x!, gamma!]), shape: [rows!, 1] }]
    },
    saved: 1,
    // With xh = x/rms and p = dy·xh: dx = (dy·gamma - xh mean(p·gamma)) / rms; the means are products as for layerNorm.
    grad: ({ dy, ys: [, inverse] }, x, gamma) => {
      const xh = mul(inverse!, x!)
      const p = mul(dy, xh)
      const column = div(reshape(gamma!, [x!.shape[1]!, 1]), countOf(x!, [1]))
      return [mul(inverse!, sub(mul(dy, gamma!), mul(xh, matMul(p, column)))), reduceSum(p, 0)]
    },
    again: ({ ys: [, inverse] }, x, gamma) => mul(mul(inverse!, x!), gamma!),
    lower: ({ emit, names: [x, gamma], x: [info], used, attributes: { eps } }) => {
      const { dtype, shape } = info!
      const number = (value: number) => emit.scalar(value, dtype)
      const rootOf = (mean: string) => emit.op('Sqrt', [emit.op('Add', [mean, number(eps)])])
      if (!used[1]) {
        // The sequence that ONNX Runtime fuses into one op.
        const mean = emit.op('ReduceMean', [emit.op('Pow', [x!, number(2)]), emit.ints([-1])], { keepdims: 1 })
        return [emit.op('Mul', [emit.op('Div', [x!, rootOf(mean)]), gamma!]), '']
      }
      const share = emit.op('Div', [emit.filled([shape[1]!, 1], 1, dtype), countAsFloat(emit, [shape[1]!], dtype)])
      const inverse = emit.op('Reciprocal', [rootOf(emit.op('MatMul', [emit.op('Mul', [x!, x!]), share]))])
      return [emit.op('Mul', [emit.op('Mul', [x!, inverse]), gamma!]), inverse]
    },
  }),
} satisfies OpTable
