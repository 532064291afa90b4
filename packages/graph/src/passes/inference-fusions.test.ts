import * as ort from 'onnxruntime-node'
import { describe, expect, it } from 'vitest'
import { GraphBuilder } from '../builder.js'
import { add, mul, sumOf } from '../functions/elementwise.js'
import { dropout, linear } from '../functions/layers.js'
import { reduceSum } from '../functions/reductions.js'
import { gradients } from '../gradients.js'
import type { Graph } from '../graph.js'
import { lower } from '../onnx/lower.js'
import { cnn, encoder, mlp, recurrent, type SmallModel } from '../testing/models.js'
import { expectClose, runner } from '../testing/run.js'
import { shareCommonSubexpressions } from './common-subexpressions.js'
import { foldConstants } from './fold-constants.js'
import { fuseForInference } from './inference-fusions.js'
import { mergeProjections } from './merge-projections.js'

const run = runner(ort)
const infer = { opset: 18, provider: 'cpu', mode: 'infer' } as const

const outputOf = async (graph: Graph, { weights, feeds }: SmallModel) =>
  (await run(foldConstants(lower(graph, infer, weights)).model, feeds))['y']!.data

const opsOf = (graph: Graph) => graph.nodes.map((node) => node.op)

describe('fuseForInference', () => {
  it.each([
    ['encoder', encoder()],
    ['cnn', cnn()],
    ['recurrent', recurrent()],
  ] as const)('leaves what a %s gives as it is', async (_name, model) => {
    const { graph } = fuseForInference(model.graph)
    expectClose(await outputOf(graph, model), await outputOf(model.graph, model), 1e-5, 'y')
  })

  it('makes one layer of scaling, linear, linear and a factor, and drops dropout', async () => {
    const model = mlp()
    const { graph, report } = fuseForInference(model.graph)
    const moving = ({ graph: g }: { graph: Graph }) => opsOf(foldedNodes(g))
    expect(moving({ graph })).toEqual(['linear', 'relu', 'linear', 'softmax'])
    expect(report.places.map(({ op, applied, what }) => [op, applied, what])).toEqual([
      ['linear', true, 'took in the div before it, the sub before it'],
      ['linear', true, expect.stringContaining('took in the linear layer before it')],
      ['mul', true, 'went into the layer before it'],
      ['dropout', true, 'removed, it acts in training only'],
    ])
    const plain = { ...model.graph, nodes: model.graph.nodes.filter((node) => node.op !== 'dropout') }
    const rewired = plain.nodes.map((node) => ({ ...node, inputs: node.inputs.map((id) => bypass(model.graph, id)) }))
    expectClose(await outputOf(graph, model), await outputOf({ ...plain, nodes: rewired }, model), 1e-5, 'y')
  })

  it('moves batch norm into convolutions', () => {
    const { graph } = fuseForInference(cnn().graph)
    expect(opsOf(graph)).not.toContain('fixedBatchNorm')
  })

  it('says why it did not apply', () => {
    const b = new GraphBuilder('refusals')
    const x = b.input('x', 'float32', ['N', 8])
    const hidden = b.scope('narrow', () => linear(x, b.parameter('w1', [8, 2])))
    b.output(
      'wide',
      b.scope('wide', () => linear(hidden, b.parameter('w2', [2, 8]))),
    )
    const shared = linear(x, b.parameter('w3', [8, 8]))
    b.output('shared', shared)
    b.output(
      'scaled',
      b.scope('scale', () => mul(shared, 2)),
    )
    const kept = b.scope('drop', () => dropout(add(x, b.parameter('p', [8])), 0.5, b.input('seed', 'uint32', [])))
    b.output('slope', gradients(reduceSum(kept), [b.value(b.build().parameters.at(-1)!.value)])[0]!)
    const { report } = fuseForInference(b.build())
    const why = Object.fromEntries(report.places.map(({ at, applied, what }) => [at, [applied, what]]))
    expect(why['wide']).toEqual([false, 'one layer of 8 x 8 weights is more work than 8 x 2 and 2 x 8'])
    expect(why['scale']).toEqual([false, 'what is before it is read elsewhere too'])
    expect(why['drop']).toEqual([false, 'its mask is read, as a backward pass does'])
  })
})

/** The graph without nodes that only compute with parameters. */
function foldedNodes(graph: Graph): Graph {
  const fixed = new Set([...graph.parameters, ...graph.constants].map(({ value }) => value))
  const nodes = graph.nodes.filter((node) => {
    const isFixed = node.inputs.every((id) => fixed.has(id))
    if (isFixed) for (const id of node.outputs) fixed.add(id)
    return !isFixed
  })
  return { ...graph, nodes }
}

/** What goes into dropout in place of what comes out. */
const bypass = (graph: Graph, id: number) =>
  graph.nodes.find((node) => node.op === 'dropout' && node.outputs[0] === id)?.inputs[0] ?? id

describe('mergeProjections', () => {
  it('makes one product of query, key and value, of the same result', async () => {
    const model = encoder()
    const { graph, report } = mergeProjections(shareCommonSubexpressions(model.graph).graph)
    const merged = report.places.filter(({ applied }) => applied)
    expect(merged.map(({ at }) => at)).toEqual(['query', 'key', 'value'])
    expect(opsOf(graph).filter((op) => op === 'linear')).toHaveLength(2)
    expectClose(await outputOf(graph, model), await outputOf(model.graph, model), 1e-5, 'y')
  })

  it('leaves layers alone whose inputs or factors differ', () => {
    const b = new GraphBuilder('apart')
    const x = b.input('x', 'float32', ['N', 4])
    const w = (name: string) => b.parameter(name, [4, 4])
    b.output('y', sumOf([linear(x, w('a')), linear(x, w('b'), undefined, { alpha: 2 }), linear(mul(x, x), w('c'))]))
    expect(mergeProjections(b.build()).report.places.map(({ applied }) => applied)).toEqual([false, false, false])
  })
})
