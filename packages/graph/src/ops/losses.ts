import { div, exp, maximum, mul, neg, sigmoid, sub } from '../functions/elementwise.js'
import { countOf, scatterElementsAdd, unsqueeze } from '../functions/shape.js'
import { countAsFloat } from '../onnx/emitter.js'
import { type OpTable, RuleViolation, row } from '../rule.js'
import { requireDtype, requireRank, sameDtype } from './shapes.js'

interface CrossEntropy {
  smoothing: number
  classWeights: boolean
  rowWeights: boolean
}

/** Keeps 0/0 out of a mean over no rows. */
const tiny = 1e-30

export const losses = {
  crossEntropy: row<CrossEntropy>({
    // Saved: log-probabilities [N,V] and each row's share of the mean [N].
    shape: ({ x, attributes: { classWeights, rowWeights, smoothing } }) => {
      const [logits, labels] = x
      requireRank(logits!, 2, 'the logits')
      requireDtype(labels!, 'int64')
      const [N, V] = logits!.shape
      if (labels!.shape.join() !== String(N)) throw new RuleViolation(`the labels must be [${N}]`)
      if (classWeights && x[2]!.shape.join() !== String(V)) throw new RuleViolation(`the class weights must be [${V}]`)
      if (rowWeights && x.at(-1)!.shape.join() !== String(N)) throw new RuleViolation(`the row weights must be [${N}]`)
      if (!(smoothing >= 0 && smoothing < 1)) throw new RuleViolation(`smoothing must be in [0, 1), found ${smoothing}`)
      const { dtype } = logits!
      return [{ dtype, shape: [] }, logits!, { dtype, shape: [N!] }]
    },
    saved: 1,
    // dz = share (softmax(z) - ε/V), and (1-ε) share less at the label.
    grad: ({ dy, ys: [, logProbabilities, share], attributes: { smoothing } }, logits, labels, ...weights) => {
      const row = unsqueeze(mul(share!, dy), 1)
      const probabilities = exp(logProbabilities!)
      const classes = countOf(logits!, [1])
      const even = typeof classes === 'number' ? smoothing / classes : div(smoothing, classes)
      const spread = mul(row, smoothing === 0 ? probabilities : sub(probabilities, even))
      const label = unsqueeze(maximum(labels!, 0), 1)
      return [scatterElementsAdd(spread, label, mul(row, smoothing - 1), 1), null, ...weights.map(() => null)]
    },
    lower: ({ emit, names, x, attributes: { smoothing, classWeights, rowWeights } }) => {
      const [logits, labels] = names as [string, string]
      const { dtype, shape } = x[0]!
      const N = shape[0]!
      const zero = emit.scalar(0, 'int64')
      const label = emit.op('Max', [labels, zero])
      let weight = emit.cast(emit.op('GreaterOrEqual', [labels, zero]), dtype)
      if (classWeights) weight = emit.op('Mul', [weight, emit.op('Gather', [names[2]!, label], { axis: 0 })])
      if (rowWeights) weight = emit.op('Mul', [weight, names.at(-1)!])
      const total = emit.op('ReduceSum', [weight], { keepdims: 0 })
      const share = emit.op('Div', [weight, emit.op('Max', [total, emit.scalar(tiny, dtype)])])
      const logProbabilities = emit.op('LogSoftmax', [logits], { axis: 1 })
      const column = emit.reshape(label, [N], [N, 1])
      const picked = emit.op('GatherElements', [logProbabilities, column], { axis: 1 })
      let likelihood = emit.reshape(picked, [N, 1], [N])
      if (smoothing > 0) {
        const mean = emit.op('ReduceMean', [logProbabilities, emit.ints([1])], { keepdims: 0 })
        const own = emit.op('Mul', [likelihood, emit.scalar(1 - smoothing, dtype)])
        likelihood = emit.op('Add', [own, emit.op('Mul', [mean, emit.scalar(smoothing, dtype)])])
      }
      const loss = emit.op('Neg', [emit.op('ReduceSum', [emit.op('Mul', [share, likelihood])], { keepdims: 0 })])
      return [loss, logProbabilities, share]
    },
  }),

  binaryCrossEntropy: {
    // Saved: each element's share of the mean (a scalar without a mask) and the targets with 0 where masked.
    shape: ({ x: [logits, targets, mask] }) => {
      const { dtype, shape } = logits!
      for (const other of mask ? [targets!, mask] : [targets!])
        if (other.shape.join() !== shape.join()) throw new RuleViolation('logits, targets and mask must have one shape')
      sameDtype(mask ? [logits!, targets!, mask] : [logits!, targets!])
      return [
        { dtype, shape: [] },
        { dtype, shape: mask ? shape : [] },
        { dtype, shape },
      ]
    },
    saved: 1,
    grad: ({ dy, ys: [, share, target] }, logits, _targets, mask) => {
      const scale = mul(dy, share!)
      return [mul(scale, sub(sigmoid(logits!), target!)), neg(mul(scale, logits!)), ...(mask ? [null] : [])]
    },
    // loss = max(z,0) - z t + log(1 + exp(-|z|)), which overflows for no z.
    lower: ({ emit, names: [logits, targets, mask], x }) => {
      const { dtype, shape } = x[0]!
      const zero = emit.scalar(0, dtype)
      const one = emit.scalar(1, dtype)
      const target = mask ? emit.op('Where', [emit.op('Greater', [mask, zero]), targets!, zero]) : targets!
      const total = mask ? emit.op('ReduceSum', [mask], { keepdims: 0 }) : countAsFloat(emit, shape, dtype)
      const share = emit.op('Div', [mask ?? one, emit.op('Max', [total, emit.scalar(tiny, dtype)])])
      const tail = emit.op('Log', [
        emit.op('Add', [emit.op('Exp', [emit.op('Neg', [emit.op('Abs', [logits!])])]), one]),
      ])
      const linear = emit.op('Sub', [emit.op('Max', [logits!, zero]), emit.op('Mul', [logits!, target])])
      const weighted = emit.op('Mul', [emit.op('Add', [linear, tail]), share])
      return [emit.op('ReduceSum', [weighted], { keepdims: 0 }), share, target]
    },
  },
} satisfies OpTable
