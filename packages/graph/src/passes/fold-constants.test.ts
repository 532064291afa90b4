import * as ort from 'onnxruntime-node'
import { describe, expect, it } from 'vitest'
import { Emitter, float } from '../onnx/emitter.js'
import { lower } from '../onnx/lower.js'
import type { OnnxModel } from '../onnx/model.js'
import { type DType, type Tensor, tensorOf } from '../tensor.js'
import { random } from '../testing/array.js'
import { cnn, encoder, mlp, recurrent } from '../testing/models.js'
import { expectClose, runner } from '../testing/run.js'
import { foldConstants } from './fold-constants.js'

const run = runner(ort)
const infer = { opset: 18, provider: 'cpu', mode: 'infer' } as const

const floats = (dims: number[], seed = 1): Tensor => tensorOf('float32', dims, [...random(dims, seed).data])

/** A model whose only input is added to a fixed expression, so that the runtime computes the same expression. */
function around(write: (emit: Emitter) => string, dtype: DType, dims: number[]): OnnxModel {
  const emit = new Emitter(infer, [])
  const fixed = write(emit)
  const nodes = [...emit.nodes]
  nodes.push({ name: 'end', opType: 'Identity', domain: '', inputs: [fixed], outputs: ['y'], attributes: {} })
  const y = { name: 'y', dtype, shape: dims }
  const graph = { name: 'fixed', nodes, inputs: [], outputs: [y], initializers: emit.initializers }
  return { irVersion: 8, opset: 18, producer: 'test', metadata: {}, graph }
}

const cases: [string, DType, number[], (emit: Emitter) => string][] = [
  [
    'add, broadcast both ways',
    'float32',
    [2, 3, 4],
    (e) => e.op('Add', [e.tensor(floats([2, 1, 4])), e.tensor(floats([3, 1], 2))]),
  ],
  [
    'sub, mul, div',
    'float32',
    [3],
    (e) =>
      e.op('Div', [
        e.op('Mul', [e.op('Sub', [e.tensor(floats([3])), e.scalar(5)]), e.scalar(3)]),
        e.tensor(floats([3], 4)),
      ]),
  ],
  ['whole-number division', 'int64', [3], (e) => e.op('Div', [e.ints([7, -7, 9]), e.scalar(2, 'int64')])],
  [
    'min and max',
    'float32',
    [4],
    (e) => e.op('Min', [e.op('Max', [e.tensor(floats([4])), e.scalar(-0.5)]), e.scalar(0.5)]),
  ],
  [
    'exp, neg, abs, sqrt, log',
    'float32',
    [4],
    (e) => e.op('Log', [e.op('Sqrt', [e.op('Abs', [e.op('Neg', [e.op('Exp', [e.tensor(floats([4]))])])])])]),
  ],
  ['transpose', 'float32', [4, 2, 3], (e) => e.op('Transpose', [e.tensor(floats([2, 3, 4]))], { perm: [2, 0, 1] })],
  ['reshape with 0 and -1', 'float32', [2, 12], (e) => e.op('Reshape', [e.tensor(floats([2, 3, 4])), e.ints([0, -1])])],
  [
    'unsqueeze and squeeze',
    'float32',
    [3, 1],
    (e) => e.op('Squeeze', [e.op('Unsqueeze', [e.tensor(floats([3])), e.ints([0, 2])]), e.ints([0])]),
  ],
  [
    'slice with steps and from the end',
    'float32',
    [2, 2],
    (e) => e.op('Slice', [e.tensor(floats([4, 5])), e.ints([1, -4]), e.ints([9, -1]), e.ints([0, 1]), e.ints([2, 2])]),
  ],
  [
    'concat',
    'float32',
    [2, 5],
    (e) => e.op('Concat', [e.tensor(floats([2, 3])), e.tensor(floats([2, 2], 2))], { axis: 1 }),
  ],
  [
    'gather along the last axis',
    'float32',
    [2, 2],
    (e) => e.op('Gather', [e.tensor(floats([2, 3])), e.ints([2, -3])], { axis: 1 }),
  ],
  ['cast', 'int64', [3], (e) => e.cast(e.tensor(tensorOf('float32', [3], [1.7, -1.7, 0])), 'int64')],
  ['expand', 'float32', [2, 3], (e) => e.op('Expand', [e.tensor(floats([2, 1])), e.ints([2, 3])])],
  ['range', 'int64', [3], (e) => e.op('Range', [e.scalar(1, 'int64'), e.scalar(7, 'int64'), e.scalar(2, 'int64')])],
  ['shape of a weight', 'int64', [2], (e) => e.op('Shape', [e.tensor(floats([20, 30]))])],
  ['constant of shape', 'float32', [2, 2], (e) => e.filled([2, 2], 3)],
  [
    'gemm with everything',
    'float32',
    [2, 3],
    (e) =>
      e.op('Gemm', [e.tensor(floats([4, 2])), e.tensor(floats([3, 4], 2)), e.tensor(floats([3], 3))], {
        transA: 1,
        transB: 1,
        alpha: float(2),
        beta: float(0.5),
      }),
  ],
]

describe('foldConstants', () => {
  it.each(cases)('%s: as the runtime computes it', async (_name, dtype, dims, write) => {
    const model = around(write, dtype, dims)
    const { model: folded } = foldConstants(model)
    expect(folded.graph.nodes.map((node) => node.opType)).toEqual(['Identity'])
    const [found, expected] = [await run(folded, {}), await run(model, {})]
    expect(found['y']!.dims).toEqual(expected['y']!.dims)
    expectClose(found['y']!.data, expected['y']!.data, 1e-6, 'y')
  })

  it.each([
    ['mlp', mlp()],
    ['encoder', encoder()],
    ['cnn', cnn()],
    ['recurrent', recurrent()],
  ] as const)('leaves what a %s gives as it is', async (_name, { graph, weights, feeds }) => {
    const model = lower(graph, infer, weights)
    const { model: folded } = foldConstants(model)
    expect(folded.graph.nodes.length).toBeLessThanOrEqual(model.graph.nodes.length)
    expectClose((await run(folded, feeds))['y']!.data, (await run(model, feeds))['y']!.data, 1e-6, 'y')
  })

  it('gives recurrent layers weights that are plain tensors', () => {
    const { graph, weights } = recurrent()
    const { nodes, initializers } = foldConstants(lower(graph, infer, weights)).model.graph
    const lstm = nodes.find((node) => node.opType === 'LSTM')!
    expect([...initializers.get(lstm.inputs[1]!)!.dims]).toEqual([1, 128, 24])
  })

  it('says what it leaves: results larger than what they are made of, and ops it does not know', () => {
    const large = foldConstants(around((e) => e.filled([300, 300], 1), 'float32', [300, 300]))
    expect(large.report.places[0]).toMatchObject({ applied: false, what: '360000 bytes are more than it is made of' })
    const unknown = foldConstants(around((e) => e.op('Sin', [e.scalar(1)]), 'float32', []))
    expect(unknown.report.places[0]).toMatchObject({ applied: false, what: 'there is no evaluator for Sin' })
  })
})
