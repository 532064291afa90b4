import { type Row, tableFromRows } from '@volant/data'
import { encodeOnnx, GraphBuilder, lower } from '@volant/graph'
import { openSession } from '@volant/nn'
import { describe, expect, it } from 'vitest'
import type { PlacedEncoder } from '../folder/assemble.js'
import { encodeRows } from '../predict/answer.js'
import { parseSpec } from '../spec/parse.js'
import { readDataset } from '../train/dataset.js'
import { fitOutputs } from '../train/outputs.js'
import { linear } from './linear.js'

/** Very many columns of each type, some cells missing. */
function wide(columns: number, rows = 40): { spec: ReturnType<typeof parseSpec>; rows: Row[] } {
  const kinds = ['number', 'category', 'boolean'] as const
  const names = Array.from({ length: columns }, (_, at) => ({ name: `c${at}`, type: kinds[at % 3]! }))
  const cell = (type: string, seed: number) =>
    seed % 11 === 0 ? null : type === 'number' ? (seed % 23) / 3 : type === 'boolean' ? seed % 2 === 0 : `v${seed % 4}`
  return {
    spec: parseSpec({
      inputs: Object.fromEntries(names.map(({ name, type }) => [name, type])),
      outputs: { queue: 'category', minutes: 'number' },
    }),
    rows: Array.from({ length: rows }, (_, row) => ({
      ...Object.fromEntries(names.map(({ name, type }, at) => [name, cell(type, row * 7 + at * 3 + row * at)])),
      queue: `q${row % 3}`,
      minutes: row % 5,
    })),
  }
}

describe('linear', () => {
  it.each([6, 900])('has the same scores in the graph as in the solver, of %i inputs', async (columns) => {
    const { spec, rows } = wide(columns)
    const data = await readDataset(tableFromRows(rows), spec, () => {})
    const outputs = fitOutputs(spec, data, () => {})
    const trained = await linear.train({ spec, outputs, train: data, valid: data, onProgress: () => {} })

    const builder = new GraphBuilder('linear')
    const streams = new Map(
      Object.entries(trained.inputs).map(([input, { encoder, state }]) => [
        input,
        Object.fromEntries(
          encoder.streams(state).map(({ suffix, dtype }) => [suffix, builder.input(input + suffix, dtype, ['batch'])]),
        ),
      ]),
    )
    for (const [name, value] of Object.entries(trained.graph(builder, (input) => streams.get(input)!)))
      builder.output(name, value)
    const graph = builder.build()
    // Beyond some hundred inputs the nodes no longer grow with them.
    if (columns > 600) expect(graph.nodes.length).toBeLessThan(200)
    const target = { opset: 18, provider: 'cpu', mode: 'infer' } as const
    const session = await openSession(encodeOnnx(lower(graph, target, trained.parameters)))
    const placed = Object.entries(trained.inputs).map(
      ([input, fitted]): PlacedEncoder => ({ ...fitted, input, prefix: input }),
    )
    const found = await session.run(encodeRows(placed, data.inputs))
    await session.release()

    const expected = await trained.raw(data)
    for (const { name } of outputs) {
      const scores = Array.from(found[name]!.data as Float32Array)
      expect(scores).toHaveLength(expected[name]!.length)
      scores.forEach((score, at) => {
        expect(score).toBeCloseTo(expected[name]![at]!, 4)
      })
    }
  })
})
