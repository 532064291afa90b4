import { type Dim, divideDims } from '../dims.js'
import { GraphError } from '../error.js'
import type { Value } from '../graph.js'
import { apply, axisOf } from './apply.js'
import { clip, gelu, mul, sigmoid } from './elementwise.js'
import { reshape, split } from './shape.js'

/** Element by element; the shape of x. `relu`, `gelu`, `sigmoid` and `tanh` are with the arithmetic. */

/** min(max(x, 0), 6) (Krizhevsky 2010). */
export const relu6 = (x: Value): Value => clip(x, 0, 6)

/** x where positive, else slope · x (Maas et al. 2013). */
export const leakyRelu = (x: Value, slope = 0.01): Value => apply('leakyRelu', [x], { slope })

/** x where positive, else slope · x, the slope being learnt (He et al. 2015). x [B, C, …], slope [C] or [1]. */
export function prelu(x: Value, slope: Value): Value {
  const channels = slope.shape.length === 1 && slope.shape[0] !== 1
  const fitted =
    channels && x.shape.length > 2 ? reshape(slope, [slope.shape[0]!, ...x.shape.slice(2).map(() => 1)]) : slope
  return apply('prelu', [x, fitted])
}

/** x where positive, else alpha (eˣ - 1) (Clevert et al. 2015). */
export const elu = (x: Value, alpha = 1): Value => apply('elu', [x], { alpha })

/** Scaled ELU, which keeps mean 0 and variance 1 (Klambauer et al. 2017). */
export const selu = (x: Value): Value => apply('selu', [x])

/** log(1 + eˣ), without overflow for large x. */
export const softplus = (x: Value): Value => apply('softplus', [x])

/** x · sigmoid(x), also called swish (Elfwing et al. 2017). */
export const silu = (x: Value): Value => apply('silu', [x])

/** x · tanh(softplus(x)) (Misra 2019). */
export const mish = (x: Value): Value => apply('mish', [x])

/** GELU by tanh, x/2 (1 + tanh(√(2/π) (x + 0.044715 x³))), as in GPT-2; within 5e-4 of `gelu` (Hendrycks and Gimpel 2016). */
export const geluTanh = (x: Value): Value => apply('geluTanh', [x])

/** min(max(x/6 + 1/2, 0), 1) (Howard et al. 2019). */
export const hardSigmoid = (x: Value): Value => apply('hardSigmoid', [x], { slope: 1 / 6, offset: 0.5 })

/** x · hardSigmoid(x) (Howard et al. 2019). */
export const hardSwish = (x: Value): Value => apply('hardSwish', [x])

/** The first half of an axis times the sigmoid of the second (Dauphin et al. 2016); the axis is half as long. */
export const glu = (x: Value, axis = -1): Value => gated('glu', x, axis, sigmoid)

/** The first half of an axis times GELU of the second (Shazeer 2020). */
export const geglu = (x: Value, axis = -1): Value => gated('geglu', x, axis, gelu)

/** The first half of an axis times SiLU of the second (Shazeer 2020). */
export const swiglu = (x: Value, axis = -1): Value => gated('swiglu', x, axis, silu)

function gated(op: string, x: Value, axis: number, activation: (gate: Value) => Value): Value {
  const at = axisOf(x, axis, op)
  const half: Dim | undefined = divideDims(x.shape[at]!, 2)
  if (half === undefined)
    throw new GraphError(`axis ${at} cannot be halved`, { op, path: x.builder.path, shapes: [x.shape] })
  const [value, gate] = split(x, [half, half], at) as [Value, Value]
  return mul(value, activation(gate))
}
