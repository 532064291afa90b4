import * as ort from 'onnxruntime-node'
import { describe, expect, it } from 'vitest'
import { GraphBuilder } from '../builder.js'
import { checkGraph } from '../check.js'
import { mul } from '../functions/elementwise.js'
import { reduceSum } from '../functions/reductions.js'
import { gradients } from '../gradients.js'
import type { Value } from '../graph.js'
import { lower } from '../onnx/lower.js'
import { none, type OpRule } from '../rule.js'
import { activationCases } from '../testing/activation-cases.js'
import { type NdArray, random } from '../testing/array.js'
import { attentionCases } from '../testing/attention-cases.js'
import type { Case } from '../testing/case.js'
import { einsumCases } from '../testing/einsum-cases.js'
import { elementwiseCases } from '../testing/elementwise-cases.js'
import { fourBitCases } from '../testing/four-bit-cases.js'
import { imageCases } from '../testing/image-cases.js'
import { layerCases } from '../testing/layer-cases.js'
import { normCases } from '../testing/norm-cases.js'
import { randomCases } from '../testing/random-cases.js'
import { recurrentCases } from '../testing/recurrent-cases.js'
import { resizeCases } from '../testing/resize-cases.js'
import { expectClose, runner } from '../testing/run.js'
import { sequenceCases } from '../testing/sequence-cases.js'
import { shapeCases } from '../testing/shape-cases.js'
import { same } from './shapes.js'
import { ops } from './table.js'

const cases = [
  ...elementwiseCases,
  ...activationCases,
  ...shapeCases,
  ...layerCases,
  ...fourBitCases,
  ...attentionCases,
  ...imageCases,
  ...normCases,
  ...resizeCases,
  ...einsumCases,
  ...recurrentCases,
  ...sequenceCases,
  ...randomCases,
]
const train = { opset: 18, provider: 'cpu', mode: 'train' } as const

/** Ops met in a case's own computation, and those whose gradient it checked. */
const metOps = new Set<string>()
const differentiatedOps = new Set<string>()

const run = runner(ort)

/** Central differences of Σ weights · reference(x), in float64. */
function finiteDifference({ inputs, reference }: Case, which: number, weights: NdArray): number[] {
  const step = 1e-5
  const loss = () => reference(...inputs).data.reduce((total, v, i) => total + v * weights.data[i]!, 0)
  const { data } = inputs[which]!
  return Array.from(data, (original, i) => {
    data[i] = original + step
    const above = loss()
    data[i] = original - step
    const below = loss()
    data[i] = original
    return (above - below) / (2 * step)
  })
}

async function runCase(one: Case): Promise<void> {
  const { inputs, shapes, build, reference, tolerance = 2e-5 } = one
  const b = new GraphBuilder(one.name)
  const values = inputs.map((x, i) => b.input(`x${i}`, x.dtype, shapes?.[i] ?? x.dims))
  const y = build(...values)
  b.output('y', y)
  for (const node of b.build().nodes) metOps.add(node.op)

  const expected = reference(...inputs)
  const weights = random(expected.dims, 99)
  const wanted =
    one.differentiate ?? inputs.flatMap((x, i) => (x.dtype === 'float32' && y.dtype === 'float32' ? [i] : []))
  if (wanted.length > 0) {
    for (const node of b.build().nodes) differentiatedOps.add(node.op)
    const loss = reduceSum(mul(y, b.input('weights', 'float32', y.shape)))
    gradients(
      loss,
      wanted.map((i) => values[i] as Value),
    ).forEach((dx, i) => {
      b.output(`d${wanted[i]}`, dx)
      expect(dx.shape).toEqual(values[wanted[i]!]!.shape)
    })
  }
  const feeds = Object.fromEntries(inputs.map((x, i) => [`x${i}`, x]))
  const graph = b.build()
  checkGraph(graph)
  const found = await run(lower(graph, train), { ...feeds, weights })
  expect(y.dtype).toBe(expected.dtype)
  expect(found['y']!.dims).toEqual(expected.dims)
  expectClose(found['y']!.data, expected.data, tolerance, 'value')
  for (const i of wanted)
    expectClose(found[`d${i}`]!.data, finiteDifference(one, i, weights), tolerance * 5, `gradient of input ${i}`)
}
// A forgotten field does not compile (checked by the type check of the tests).
// @ts-expect-error a row without a gradient
;({ shape: same, lower: () => [] }) satisfies OpRule
// @ts-expect-error a row without a lowering
;({ shape: same, grad: none }) satisfies OpRule

describe('the table of ops', () => {
  it.each(cases.map((one) => [one.name, one] as const))('%s', (_name, one) => runCase(one))

  // These two come last: they look at what the cases above have met. Rows that save all of their outputs are the backward
  // pass of others, whose gradients they give.
  const rows = Object.entries(ops as Record<string, OpRule>)
  it('has a value case for every row', () => {
    expect(rows.flatMap(([op, { saved }]) => (saved !== 0 && !metOps.has(op) ? [op] : []))).toEqual([])
  })

  it('has a finite-difference case for every row with a gradient', () => {
    const missing = rows
      .filter(([op, rule]) => rule.grad !== 'none' && rule.saved !== 0 && !differentiatedOps.has(op))
      .map(([op]) => op)
    expect(missing).toEqual([])
  })
})
