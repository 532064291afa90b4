import * as f from '../functions/activations.js'
import { erf, list, map, nd, random } from './array.js'
import type { Case } from './case.js'
import { unary } from './elementwise-cases.js'

const sigmoid = (v: number) => 1 / (1 + Math.exp(-v))
const softplus = (v: number) => Math.log1p(Math.exp(-Math.abs(v))) + Math.max(v, 0)
const gelu = (v: number) => (v / 2) * (1 + erf(v / Math.SQRT2))
const hardSigmoid = (v: number) => Math.min(Math.max(v / 6 + 0.5, 0), 1)

const wide = random([2, 4], 4, -8, 8)

const gate = (name: string, build: typeof f.glu, activation: (v: number) => number): Case => ({
  name,
  inputs: [random([2, 6, 3])],
  shapes: [['B', 6, 3]],
  build: (x) => build(x!, 1),
  reference: (x) => nd([2, 3, 3], (b, i, t) => x!.at(b!, i!, t!) * activation(x!.at(b!, i! + 3, t!))),
})

export const activationCases: Case[] = [
  ...unary('relu6', f.relu6, (v) => Math.min(Math.max(v, 0), 6), wide),
  ...unary(
    'leakyRelu',
    (x) => f.leakyRelu(x, 0.2),
    (v) => (v > 0 ? v : 0.2 * v),
  ),
  ...unary(
    'elu',
    (x) => f.elu(x, 0.7),
    (v) => (v > 0 ? v : 0.7 * Math.expm1(v)),
  ),
  ...unary('selu', f.selu, (v) => 1.0507009873554805 * (v > 0 ? v : 1.6732632423543772 * Math.expm1(v))),
  ...unary('softplus', f.softplus, softplus, wide),
  {
    name: 'softplus of large numbers',
    inputs: [list([-200, 200])],
    build: (x) => f.softplus(x!),
    reference: (x) => map(x!, softplus),
  },
  ...unary('silu', f.silu, (v) => v * sigmoid(v), wide),
  ...unary('mish', f.mish, (v) => v * Math.tanh(softplus(v)), wide),
  ...unary('geluTanh', f.geluTanh, (v) => (v / 2) * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (v + 0.044715 * v ** 3)))),
  ...unary('hardSigmoid', f.hardSigmoid, hardSigmoid, wide),
  ...unary('hardSwish', f.hardSwish, (v) => v * hardSigmoid(v), wide),
  {
    name: 'prelu with a slope for each channel',
    inputs: [random([2, 3, 2, 2]), random([3], 2)],
    shapes: [['B', 3, 'H', 'W'], [3]],
    build: (x, slope) => f.prelu(x!, slope!),
    reference: (x, slope) => nd([2, 3, 2, 2], (...at) => x!.at(...at) * (x!.at(...at) > 0 ? 1 : slope!.at(at[1]!))),
  },
  {
    name: 'prelu with one slope',
    inputs: [random([2, 3]), random([1], 2)],
    build: (x, slope) => f.prelu(x!, slope!),
    reference: (x, slope) => nd([2, 3], (...at) => x!.at(...at) * (x!.at(...at) > 0 ? 1 : slope!.at(0))),
  },
  gate('glu', f.glu, sigmoid),
  gate('geglu', f.geglu, gelu),
  gate('swiglu', f.swiglu, (v) => v * sigmoid(v)),
]
