import { printShape } from '../dims.js'
import { softplus } from '../functions/activations.js'
import { add, and, div, greater, less, mul, sigmoid, square, sub, tanh, where } from '../functions/elementwise.js'
import { float } from '../onnx/emitter.js'
import { type OpTable, RuleViolation, row } from '../rule.js'
import { broadcastShapes, requireFloat, sameDtype, sameFloat } from './shapes.js'

/** Fixed points of self-normalising networks (Klambauer et al. 2017). */
const seluAlpha = 1.6732632423543772
const seluScale = 1.0507009873554805

const geluSlope = Math.sqrt(2 / Math.PI)
const geluCubic = 0.044715

export const activations = {
  leakyRelu: row<{ slope: number }>({
    shape: sameFloat,
    grad: ({ dy, attributes: { slope } }, x) => [where(greater(x!, 0), dy, mul(dy, slope))],
    lower: ({ emit, names, attributes: { slope } }) => [emit.op('LeakyRelu', names, { alpha: float(slope) })],
  }),
  prelu: {
    shape: ({ x: [x, slope] }) => {
      requireFloat(x!)
      if (printShape(broadcastShapes(x!.shape, slope!.shape)) !== printShape(x!.shape))
        throw new RuleViolation(`the slope ${printShape(slope!.shape)} does not fit the input ${printShape(x!.shape)}`)
      return [{ dtype: sameDtype([x!, slope!]), shape: x!.shape }]
    },
    grad: ({ dy }, x, slope) => {
      const isPositive = greater(x!, 0)
      return [where(isPositive, dy, mul(dy, slope!)), where(isPositive, 0, mul(dy, x!))]
    },
    lower: ({ emit, names }) => [emit.op('PRelu', names)],
  },
  elu: row<{ alpha: number }>({
    shape: sameFloat,
    grad: ({ dy, y, attributes: { alpha } }, x) => [where(greater(x!, 0), dy, mul(dy, add(y, alpha)))],
    lower: ({ emit, names, attributes: { alpha } }) => [emit.op('Elu', names, { alpha: float(alpha) })],
  }),
  selu: {
    shape: sameFloat,
    grad: ({ dy, y }, x) => [mul(dy, where(greater(x!, 0), seluScale, add(y, seluAlpha * seluScale)))],
    lower: ({ emit, names }) => [emit.op('Selu', names, { alpha: float(seluAlpha), gamma: float(seluScale) })],
  },
  softplus: {
    shape: sameFloat,
    grad: ({ dy }, x) => [mul(dy, sigmoid(x!))],
    lower: ({ emit, names }) => [emit.op('Softplus', names)],
  },
  silu: {
    // Saved: s = sigmoid(x).
    shape: ({ x }) => [...sameFloat({ x }), x[0]!],
    saved: 1,
    // silu' = s + y (1 - s)
    grad: ({ dy, y, ys: [, s] }) => [mul(dy, add(s!, mul(y, sub(1, s!))))],
    again: ({ ys: [, s] }, x) => mul(s!, x!),
    lower: ({ emit, names: [x] }) => {
      const s = emit.op('Sigmoid', [x!])
      return [emit.op('Mul', [x!, s]), s]
    },
  },
  mish: {
    shape: sameFloat,
    // With t = tanh(softplus(x)): mish' = t + x (1 - t²) sigmoid(x)
    grad: ({ dy }, x) => {
      const t = tanh(softplus(x!))
      return [mul(dy, add(t, mul(mul(x!, sub(1, square(t))), sigmoid(x!))))]
    },
    lower: ({ emit, names }) => [emit.op('Mish', names)],
  },
  geluTanh: {
    // Saved: t = tanh(√(2/π) (x + 0.044715 x³)).
    shape: ({ x }) => [...sameFloat({ x }), x[0]!],
    saved: 1,
    // y' = (1 + t)/2 + x/2 (1 - t²) √(2/π) (1 + 3 · 0.044715 x²)
    grad: ({ dy, ys: [, t] }, x) => {
      const inner = add(mul(square(x!), 1.5 * geluSlope * geluCubic), geluSlope / 2)
      return [mul(dy, add(add(mul(t!, 0.5), 0.5), mul(mul(x!, inner), sub(1, square(t!)))))]
    },
    again: ({ ys: [, t] }, x) => mul(x!, add(mul(t!, 0.5), 0.5)),
    lower: ({ emit, names: [x], x: [info] }) => {
      const number = (value: number) => emit.scalar(value, info!.dtype)
      const cubic = emit.op('Mul', [emit.op('Pow', [x!, number(3)]), number(geluCubic)])
      const t = emit.op('Tanh', [emit.op('Mul', [emit.op('Add', [x!, cubic]), number(geluSlope)])])
      return [emit.op('Mul', [emit.op('Mul', [x!, number(0.5)]), emit.op('Add', [t, number(1)])]), t]
    },
  },
  hardSigmoid: row<{ slope: number; offset: number }>({
    shape: sameFloat,
    grad: ({ dy, y, attributes: { slope } }) => [where(and(greater(y, 0), less(y, 1)), mul(dy, slope), 0)],
    lower: ({ emit, names, attributes: { slope, offset } }) => [
      emit.op('HardSigmoid', names, { alpha: float(slope), beta: float(offset) }),
    ],
  }),
  hardSwish: {
    shape: sameFloat,
    // x (x + 3)/6 between -3 and 3; 0 below, x above.
    grad: ({ dy }, x) => {
      const slope = add(div(x!, 3), 0.5)
      return [where(and(greater(x!, -3), less(x!, 3)), mul(dy, slope), where(greater(x!, 0), dy, 0))]
    },
    lower: ({ emit, names }) => [emit.op('HardSwish', names)],
  },
} satisfies OpTable
