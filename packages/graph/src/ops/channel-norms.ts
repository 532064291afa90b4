import { type Dim, printShape, type Shape } from '../dims.js'
import { add, div, mul, neg, sqrt, square, sub } from '../functions/elementwise.js'
import { reduceSum } from '../functions/reductions.js'
import { countOf, reshape } from '../functions/shape.js'
import type { Value, ValueInfo } from '../graph.js'
import { float } from '../onnx/emitter.js'
import { type OpTable, RuleViolation, row } from '../rule.js'
import { requireFloat, sameDtype } from './shapes.js'

const requireChannels = (x: ValueInfo, parameters: readonly (ValueInfo | undefined)[], names: string): void => {
  requireFloat(x)
  if (x.shape.length < 2) throw new RuleViolation('the input must be [batch, channels, …]')
  const expected = printShape([x.shape[1]!])
  for (const p of parameters)
    if (printShape(p!.shape) !== expected) throw new RuleViolation(`${names} must be ${expected}`)
}

/** All axes but that of the channels. */
const others = (shape: Shape) => shape.flatMap((_, axis) => (axis === 1 ? [] : [axis]))

/** A number a channel, shaped to broadcast against [batch, channels, …]. */
const perChannel = (value: Value, rank: number): Value =>
  reshape(value, [value.shape[0]!, ...Array<Dim>(rank - 2).fill(1)])

/** Normalisation of images and sequences [batch, channels, …]. */
export const channelNorms = {
  batchNorm: row<{ eps: number }>({
    // Saved, though of use to running statistics too: mean and variance (over n, not n - 1) of each channel.
    shape: ({ x: [x, gamma, beta] }) => {
      requireChannels(x!, [gamma, beta], 'gamma and beta')
      const statistic = { dtype: sameDtype([x!, gamma!, beta!]), shape: [x!.shape[1]!] }
      return [x!, statistic, statistic]
    },
    saved: 1,
    // With n elements a channel and s = γ/σ: dβ = Σ dy, dγ = Σ dy (x - μ)/σ, dx = s (dy - dβ/n - (x - μ)/σ · dγ/n).
    grad: ({ dy, ys: [, mean, variance], attributes: { eps } }, x, gamma) => {
      const rank = x!.shape.length
      const axes = others(x!.shape)
      const inverse = div(1, sqrt(add(variance!, eps)))
      const centred = sub(x!, perChannel(mean!, rank))
      const dBeta = reduceSum(dy, axes)
      const dGamma = mul(reduceSum(mul(dy, centred), axes), inverse)
      const scale = mul(gamma!, inverse)
      const share = div(1, countOf(dy, axes))
      const slope = mul(mul(scale, inverse), mul(dGamma, share))
      const shift = mul(scale, mul(dBeta, share))
      const dx = sub(
        sub(mul(dy, perChannel(scale, rank)), mul(centred, perChannel(slope, rank))),
        perChannel(shift, rank),
      )
      return [dx, dGamma, dBeta]
    },
    // In training mode the op moves the statistics given towards the batch's; with momentum 0 all the way. ONNX Runtime
    // writes them over those given, whoever else reads these, so each is a value of its own.
    lower: ({ emit, names: [x, gamma, beta], x: info, attributes: { eps } }) => {
      const mean = emit.op('Sub', [beta!, beta!])
      const variance = emit.op('Mul', [beta!, emit.scalar(0, info[0]!.dtype)])
      const attributes = { epsilon: float(eps), momentum: float(0), training_mode: 1 }
      return [...emit.ops('BatchNormalization', [x!, gamma!, beta!, mean, variance], 3, attributes)]
    },
  }),

  fixedBatchNorm: row<{ eps: number }>({
    shape: ({ x: [x, ...parameters] }) => {
      requireChannels(x!, parameters, 'gamma, beta, mean and variance')
      return [{ dtype: sameDtype([x!, ...parameters]), shape: x!.shape }]
    },
    grad: ({ dy, attributes: { eps } }, x, gamma, _beta, mean, variance) => {
      const rank = x!.shape.length
      const axes = others(x!.shape)
      const inverse = div(1, sqrt(add(variance!, eps)))
      const scale = mul(gamma!, inverse)
      const dBeta = reduceSum(dy, axes)
      const dGamma = mul(reduceSum(mul(dy, sub(x!, perChannel(mean!, rank))), axes), inverse)
      // d(1/σ) = -1/2 σ⁻³ dσ²
      const dVariance = mul(mul(dGamma, gamma!), mul(square(inverse), -0.5))
      return [mul(dy, perChannel(scale, rank)), dGamma, dBeta, neg(mul(scale, dBeta)), dVariance]
    },
    lower: ({ emit, names, attributes: { eps } }) => [emit.op('BatchNormalization', names, { epsilon: float(eps) })],
  }),
} satisfies OpTable
