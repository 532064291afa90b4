import * as ort from 'onnxruntime-node'
import { describe, expect, it } from 'vitest'
import { GraphBuilder } from '../builder.js'
import { GraphError } from '../error.js'
import { gru, lstm, rnn } from '../functions/recurrent.js'
import { decodeOnnx, encodeOnnx } from '../onnx/codec.js'
import { lower } from '../onnx/lower.js'
import { list, type NdArray } from '../testing/array.js'
import { recurrentCases } from '../testing/recurrent-cases.js'
import { expectClose, runner } from '../testing/run.js'

const run = runner(ort)
const train = { opset: 18, provider: 'cpu', mode: 'train' } as const
const infer = { ...train, mode: 'infer' } as const

const ones = (dims: readonly number[], value = 1): NdArray =>
  list(Array(dims.reduce((a, b) => a * b, 1)).fill(value), dims)

describe('recurrent ops', () => {
  it.each(recurrentCases.map((one) => [one.name, one] as const))('%s, by the op of the runtime', async (_, one) => {
    const b = new GraphBuilder()
    b.output('y', one.build(...one.inputs.map((x, i) => b.input(`x${i}`, x.dtype, one.shapes![i]!))))
    const model = lower(b.build(), infer)
    expect(model.graph.nodes.filter((node) => /^(RNN|LSTM|GRU)$/.test(node.opType))).toHaveLength(1)
    const { y } = await run(model, Object.fromEntries(one.inputs.map((x, i) => [`x${i}`, x])))
    expectClose(y!.data, one.reference(...one.inputs).data, 1e-5, 'value')
  })

  // One unit, all weights and biases 1/2, x = 1, 2: step 1 has a = 1, so i = o = f = 0.731059, g = 0.761594, c = i g = 0.556770,
  // h = o tanh c = 0.369606; step 2 has a = 1.5 + h/2 = 1.684803, i = o = f = 0.843540, g = 0.933482, c = f c + i g = 1.257086, h = 0.717227.
  it('agree with an LSTM worked by hand', async () => {
    const b = new GraphBuilder()
    const x = b.input('x', 'float32', ['T', 'B', 1])
    const half = (name: string, dims: number[]) => b.input(name, 'float32', dims)
    const weights = { weight: half('w', [1, 4]), recurrent: half('r', [1, 4]), bias: half('b', [4]) }
    const { y, cell } = lstm(x, [weights])
    b.output('y', y)
    b.output('cell', cell)
    const feeds = { x: list([1, 2], [2, 1, 1]), w: ones([1, 4], 0.5), r: ones([1, 4], 0.5), b: ones([4], 0.5) }
    for (const target of [train, infer]) {
      const found = await run(lower(b.build(), target), feeds)
      expectClose(found['y']!.data, [0.369606, 0.717227], 1e-6, 'h')
      expectClose(found['cell']!.data, [1.257086], 1e-6, 'c')
    }
  })

  it('write loops that survive the file', () => {
    const b = new GraphBuilder()
    const p = (name: string, dims: number[]) => b.parameter(name, dims)
    b.output(
      'y',
      lstm(b.input('x', 'float32', ['T', 'B', 3]), [
        { weight: p('w', [3, 8]), recurrent: p('r', [2, 8]), bias: p('b', [8]) },
      ]).y,
    )
    const bytes = encodeOnnx(lower(b.build(), train))
    const scan = decodeOnnx(bytes).graph.nodes.find((node) => node.opType === 'Scan')!
    expect(scan.attributes['body']!.kind).toBe('graph')
    expect(encodeOnnx(decodeOnnx(bytes))).toEqual(bytes)
  })

  it('refuse weights that do not fit, naming both shapes', () => {
    const b = new GraphBuilder()
    const x = b.input('x', 'float32', ['T', 'B', 3])
    const weights = (gates: number) => ({
      weight: b.parameter(`w${gates}`, [3, gates * 2]),
      recurrent: b.parameter(`r${gates}`, [2, gates * 2]),
      bias: b.parameter(`b${gates}`, [gates * 2]),
    })
    expect(() => lstm(x, [weights(3)])).toThrow(GraphError)
    expect(() => lstm(x, [weights(2)])).toThrow('the weight must be [3,8], found [3,4]')
    expect(() => rnn(x, [weights(1)], { direction: 'bidirectional' })).toThrow('needs the weights of 2, found 1')
    expect(() => gru(x, [{ ...weights(6), candidateBias: x }])).toThrow('gru')
  })
})
