import { encodeOnnx, GraphBuilder, gradients, lower, type Tensor, type Value } from '@volant/graph'
import { openSession } from '@volant/nn'
import { describe, expect, it } from 'vitest'
import { type ClassesState, classesDecoder } from './classes.js'
import type { Decoder } from './decoder.js'
import { type ScaleState, valueDecoder } from './value.js'

/** Runs graph ops on scores [rows, width]. */
async function inGraph(raw: Float32Array, width: number, build: (raw: Value) => Record<string, Value>) {
  const builder = new GraphBuilder()
  const outputs = build(builder.input('raw', 'float32', ['batch', width]))
  for (const [name, value] of Object.entries(outputs)) builder.output(name, value)
  const session = await openSession(encodeOnnx(lower(builder.build(), { opset: 18, provider: 'cpu', mode: 'infer' })))
  const results = await session.run({ raw: { dtype: 'float32', dims: [raw.length / width, width], data: raw } })
  await session.release()
  return results
}

const numbers = (tensor: Tensor | undefined) => Array.from(tensor!.data as Iterable<number | bigint>, Number)

function close(found: readonly number[], expected: ArrayLike<number>, digits = 4) {
  expect(found).toHaveLength(expected.length)
  found.forEach((value, at) => {
    expect(value).toBeCloseTo(expected[at]!, digits)
  })
}

const three: ClassesState = { classes: ['a', 'b', 'c'] }
const two: ClassesState = { classes: ['no', 'yes'], positive: 1 }
const scale: ScaleState = { mean: 100, deviation: 20 }

async function sameBothWays<S>(decoder: Decoder<S>, state: S, raw: Float32Array, temperature: number) {
  const calibration = { temperature }
  const answers = decoder.answers(raw, calibration, state)
  const results = await inGraph(raw, decoder.width(state), (scores) => {
    const answered = decoder.answersGraph(scores, calibration, state)
    return { answered, back: decoder.rawOfGraph(answered, state), ...decoder.outputs(answered) }
  })
  close(numbers(results['answered']), answers)
  close(numbers(results['back']), decoder.rawOf(answers, state))
  close(Array.from(decoder.answersOf(results)), answers)
  return results
}

describe('classes', () => {
  const decoder = classesDecoder('accuracy')
  const raw = Float32Array.of(2, 1, -1, 0, 0.5, 3)

  it('answers alike in training and in the model file', async () => {
    const results = await sameBothWays(decoder, three, raw, 0.7)
    expect(numbers(results['.value'])).toEqual([0, 2])
  })

  it('turns the one column of a linear model of two classes into scores of both', async () => {
    const scores = Float32Array.of(-2, 0.5)
    const both = decoder.rawOfLinear(scores, two)
    expect(Array.from(both)).toEqual([0, -2, 0, 0.5])
    const { both: graph } = await inGraph(scores, 1, (column) => ({ both: decoder.rawOfLinearGraph(column, two) }))
    close(numbers(graph), both)
    close(
      Array.from(decoder.answers(both, {}, two)).filter((_, at) => at % 2 === 1),
      [1 / (1 + Math.exp(2)), 1 / (1 + Math.exp(-0.5))],
      6,
    )
  })

  it('finds the temperature that made the labels', () => {
    const scores: number[] = []
    const labels: number[] = []
    for (let row = 0; row < 4000; row++) {
      const margin = ((row * 37) % 101) / 25 - 2
      scores.push(0, margin)
      // The label is 1 as often as a temperature of 0.5 says.
      labels.push((row * 7919) % 4000 < 4000 / (1 + Math.exp(-margin / 0.5)) ? 1 : 0)
    }
    const { temperature } = decoder.calibrate(Float32Array.from(scores), Float64Array.from(labels), two)
    expect(temperature).toBeGreaterThan(0.45)
    expect(temperature).toBeLessThan(0.55)
  })

  it('answers the shares of the classes by majority, leaving out missing labels', () => {
    close(Array.from(decoder.majority(Float64Array.of(0, 0, 1, -1), three)), [2 / 3, 1 / 3, 0])
  })
})

describe('value', () => {
  const decoder = valueDecoder('rmse')

  it('answers alike in training and in the model file, on the scale of the data', async () => {
    const results = await sameBothWays(decoder, scale, Float32Array.of(0, 1, -2.5), 1)
    close(numbers(results['.value']), [100, 120, 50])
  })

  it('gives no loss and no gradient to a missing target', async () => {
    const builder = new GraphBuilder()
    const raw = builder.input('raw', 'float32', ['batch', 1])
    const target = builder.input('target', 'float32', ['batch'])
    const loss = decoder.loss(raw, target, 0)
    builder.output('loss', loss)
    builder.output('gradient', gradients(loss, [raw])[0]!)
    const session = await openSession(encodeOnnx(lower(builder.build(), { opset: 18, provider: 'cpu', mode: 'infer' })))
    const data = decoder.targetData(Float64Array.of(120, Number.NaN), scale) as Float32Array
    const results = await session.run({
      raw: { dtype: 'float32', dims: [2, 1], data: Float32Array.of(3, 5) },
      target: { dtype: 'float32', dims: [2], data },
    })
    await session.release()
    // Huber with half squares: (3 - 1)^2 / 2, slope 2.
    close(numbers(results['loss']), [2])
    close(numbers(results['gradient']), [2, 0])
  })
})
