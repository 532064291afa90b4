import * as ort from 'onnxruntime-node'
import { describe, expect, it } from 'vitest'
import { GraphBuilder } from '../builder.js'
import { checkGraph } from '../check.js'
import { GraphError } from '../error.js'
import { linear } from '../functions/layers.js'
import { maxPool1d } from '../functions/pooling.js'
import { tensorOf } from '../tensor.js'
import { activationCases } from '../testing/activation-cases.js'
import { random } from '../testing/array.js'
import type { Case } from '../testing/case.js'
import { einsumCases } from '../testing/einsum-cases.js'
import { elementwiseCases } from '../testing/elementwise-cases.js'
import { imageCases } from '../testing/image-cases.js'
import { layerCases } from '../testing/layer-cases.js'
import { normCases } from '../testing/norm-cases.js'
import { recurrentCases } from '../testing/recurrent-cases.js'
import { resizeCases } from '../testing/resize-cases.js'
import { expectClose, runner } from '../testing/run.js'
import { shapeCases } from '../testing/shape-cases.js'
import { decodeOnnx, encodeOnnx } from './codec.js'
import { importOnnx } from './import.js'
import { lower } from './lower.js'
import type { OnnxModel } from './model.js'

const run = runner(ort)
const infer = { opset: 18, provider: 'cpu', mode: 'infer' } as const

async function roundTrip({ inputs, shapes, build, reference, tolerance = 2e-5 }: Case): Promise<void> {
  const b = new GraphBuilder('there')
  b.output('y', build(...inputs.map((x, i) => b.input(`x${i}`, x.dtype, shapes?.[i] ?? x.dims))))
  const { graph } = importOnnx(decodeOnnx(encodeOnnx(lower(b.build(), infer))))
  checkGraph(graph)
  const feeds = Object.fromEntries(inputs.map((x, i) => [`x${i}`, x]))
  const { y } = await run(lower(graph, infer), feeds)
  const expected = reference(...inputs)
  expect(y!.dims).toEqual(expected.dims)
  expectClose(y!.data, expected.data, tolerance, 'value')
}

describe('importOnnx', () => {
  const cases = [
    ...elementwiseCases,
    ...activationCases,
    ...shapeCases,
    ...recurrentCases,
    ...layerCases,
    ...imageCases,
    ...normCases,
    ...resizeCases,
    ...einsumCases,
  ]
  it.each(cases.map((one) => [one.name, one] as const))('%s, exported and back', (_name, one) => roundTrip(one))

  it('turns initializers into parameters and returns their numbers', () => {
    const b = new GraphBuilder('model')
    b.output('y', linear(b.input('x', 'float32', ['N', 2]), b.parameter('head.weight', [2, 1])))
    const weights = new Map([['head.weight', tensorOf('float32', [2, 1], [1, 2])]])
    const { graph, initializers } = importOnnx(decodeOnnx(encodeOnnx(lower(b.build(), infer, weights))))
    expect(graph.parameters.map((p) => p.path)).toEqual(['head.weight'])
    expect(initializers.get('head.weight')).toEqual(weights.get('head.weight'))
    expect(graph.inputs.map((i) => i.name)).toEqual(['x'])
  })

  it('pools over the end as the runtime does', async () => {
    const b = new GraphBuilder('model')
    b.output('y', maxPool1d(b.input('x', 'float32', [1, 1, 6]), 3, { stride: 2 }))
    const model = lower(b.build(), infer)
    const nodes = model.graph.nodes.map((node) => {
      if (node.opType !== 'MaxPool') return node
      return { ...node, attributes: { ...node.attributes, ceil_mode: { kind: 'int', value: 1 } as const } }
    })
    const outputs = model.graph.outputs.map((info) => ({ ...info, shape: [1, 1, 3] }))
    const foreign: OnnxModel = { ...model, graph: { ...model.graph, nodes, outputs } }
    const x = random([1, 1, 6])
    const { y: expected } = await run(foreign, { x })
    const { y } = await run(lower(importOnnx(foreign).graph, infer), { x })
    expect(expected!.dims).toEqual([1, 1, 3])
    expect(y).toEqual(expected)
  })

  it('names the node it cannot import', () => {
    const b = new GraphBuilder('model')
    b.output('y', linear(b.input('x', 'float32', ['N', 2]), b.parameter('w', [2, 1])))
    const model = lower(b.build(), infer)
    const nodes = model.graph.nodes.map((node) => ({ ...node, opType: 'Unique', name: 'head/Unique_0' }))
    const foreign: OnnxModel = { ...model, graph: { ...model.graph, nodes } }
    expect(() => importOnnx(foreign)).toThrow(GraphError)
    expect(() => importOnnx(foreign)).toThrow('ONNX Unique at head/Unique_0: cannot import: there is no such op here')
  })
})
