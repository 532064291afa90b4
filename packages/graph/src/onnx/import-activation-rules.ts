import * as a from '../functions/activations.js'
import { gelu } from '../functions/elementwise.js'
import type { Value } from '../graph.js'
import type { ImportRule } from './import-context.js'

const unary =
  (build: (x: Value) => Value): ImportRule =>
  (c) =>
    build(c.value(0))

/** How ONNX's activations beyond the elementary functions are said in ours. */
export const activationRules: Readonly<Record<string, ImportRule>> = {
  LeakyRelu: (c) => a.leakyRelu(c.value(0), c.float('alpha', 0.01)),
  PRelu: (c) => c.builder.append('prelu', [c.value(0), c.value(1)]),
  Elu: (c) => a.elu(c.value(0), c.float('alpha', 1)),
  Selu: unary(a.selu),
  Softplus: unary(a.softplus),
  Mish: unary(a.mish),
  HardSigmoid: (c) =>
    c.builder.append('hardSigmoid', [c.value(0)], { slope: c.float('alpha', 0.2), offset: c.float('beta', 0.5) }),
  HardSwish: unary(a.hardSwish),
  Gelu: (c) => (c.text('approximate', 'none') === 'tanh' ? a.geluTanh : gelu)(c.value(0)),
}
