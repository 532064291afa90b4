import { type Tensor, tensorOf, type Value } from '@volant/graph'
import { describe, expect, it } from 'vitest'
import { TextGenerator } from '../generation/generate.js'
import { inferenceModel } from '../generation/steps.js'
import { padded, SequenceTranslator } from '../generation/translate.js'
import { EncoderDecoder } from '../networks/encoder-decoder.js'
import { GPT, type GptOptions, nextTokenLoss } from '../networks/gpt.js'
import { adamW } from '../optimisers/optimisers.js'
import { cosine, warmUp } from '../optimisers/schedules.js'
import { Random } from '../random.js'
import { openSession } from '../runtime/session.js'
import { train } from '../trainer/train.js'
import { MultiHeadAttention } from './attention.js'
import type { Context } from './context.js'
import { FeedForward } from './feed-forward.js'
import { TransformerDecoder, TransformerEncoder, type TransformerOptions } from './transformer.js'
import { initialise, parameterCount, walk } from './tree.js'

const numbers = (dims: number[], seed: number): Tensor => {
  const random = new Random(seed)
  return tensorOf(
    'float32',
    dims,
    Array.from({ length: dims.reduce((a, b) => a * b) }, () => random.normal()),
  )
}

async function run(
  model: object,
  feeds: Record<string, Tensor>,
  body: (context: Context, inputs: Record<string, Value>) => Value,
): Promise<number[]> {
  const parameters = initialise(model, 4)
  const session = await openSession(
    inferenceModel(model, parameters, (context) => {
      const inputs = Object.entries(feeds).map(
        ([name, { dtype, dims }]) => [name, context.input(name, dtype, dims)] as const,
      )
      return { y: body(context, Object.fromEntries(inputs)) }
    }),
  )
  const { y } = await session.run(feeds)
  await session.release()
  return [...(y!.data as Float32Array)]
}

const change = ({ dims, data, dtype }: Tensor, from: number): Tensor => ({
  dtype,
  dims,
  data: (data as Float32Array).map((x, i) => (i >= from ? x + (i % 3) : x)),
})

const llama: Partial<TransformerOptions> = {
  norm: 'pre',
  normalisation: 'rms',
  activation: 'swiglu',
  rotary: true,
  keyHeads: 2,
  bias: false,
}

describe('Transformers', () => {
  it('keep their parameter paths, so that saved models load', () => {
    const paths = (model: object) => [...walk(model).parameters.values()]
    const linear = (name: string) => [`${name}.weight`, `${name}.bias`]
    const norm = (name: string) => [`${name}.gamma`, `${name}.beta`]
    expect(paths(new TransformerEncoder({ width: 8, heads: 2, layers: 1, norm: 'pre' }))).toEqual([
      ...['query', 'key', 'value', 'output'].flatMap((part) => linear(`layers.0.attention.${part}`)),
      ...norm('layers.0.attentionNorm'),
      ...['up', 'down'].flatMap((part) => linear(`layers.0.feedForward.${part}`)),
      ...norm('layers.0.feedForwardNorm'),
      ...norm('norm'),
    ])
    const decoder = paths(new TransformerDecoder({ width: 8, heads: 4, layers: 1, ...llama }))
    expect(decoder).toContain('layers.0.memoryAttention.query.weight')
    expect(decoder).toContain('layers.0.feedForward.gate.weight')
    expect(decoder.filter((path) => /bias|beta/.test(path))).toEqual([])
  })

  it.each([
    ['as GPT-2', { norm: 'pre' }],
    ['as Llama', llama],
    ['after each part', { norm: 'post', activation: 'geluTanh' }],
  ] as [string, Partial<TransformerOptions>][])(
    'a decoder %s sees no later place, and nothing masked of its memory',
    async (_, options) => {
      const decoder = new TransformerDecoder({ width: 16, heads: 4, layers: 2, ...options })
      const mask = tensorOf('bool', [1, 3], [1, 1, 0])
      const decode = (x: Tensor, memory: Tensor) =>
        run(decoder, { x, memory, mask }, (context, { x, memory, mask }) =>
          decoder.apply(context, x!, { memory: memory!, memoryMask: mask! }),
        )
      const [x, memory] = [numbers([1, 4, 16], 1), numbers([1, 3, 16], 2)]
      const y = await decode(x, memory)
      const later = await decode(change(x, 2 * 16), memory)
      const close = (found: number[], expected: number[]) =>
        found.every((value, i) => Math.abs(value - expected[i]!) < 1e-5)
      expect(close(later.slice(0, 32), y.slice(0, 32))).toBe(true)
      expect(close(later.slice(32), y.slice(32))).toBe(false)
      expect(close(await decode(x, change(memory, 2 * 16)), y)).toBe(true)
      expect(close(await decode(x, change(memory, 16)), y)).toBe(false)
    },
  )

  it('gated feed-forward multiplies two linear maps', async () => {
    const model = new FeedForward(2, 3, { activation: 'swiglu', bias: false })
    const x = numbers([2, 2], 7)
    const found = await run(model, { x }, (context, { x }) => model.apply(context, x!))
    const weights = initialise(model, 4)
    const at = (path: string, i: number, j: number) => {
      const { dims, data } = weights.get(path)!
      return Number(data[i * dims[1]! + j])
    }
    const map = (path: string, row: number, j: number) =>
      [0, 1].reduce((sum, i) => sum + Number(x.data[2 * row + i]) * at(path, i, j), 0)
    const hidden = (row: number, j: number) => {
      const gate = map('gate.weight', row, j)
      return (gate / (1 + Math.exp(-gate))) * map('up.weight', row, j)
    }
    const expected = [0, 1].flatMap((row) =>
      [0, 1].map((j) => [0, 1, 2].reduce((sum, h) => sum + hidden(row, h) * at('down.weight', h, j), 0)),
    )
    found.forEach((value, i) => {
      expect(value).toBeCloseTo(expected[i]!, 5)
    })
  })
})

describe('networks of Transformers', () => {
  it("has as many parameters as nanoGPT's configuration", () => {
    const model = new GPT({ vocabulary: 65, layers: 4, heads: 4, width: 128, context: 64, bias: false })
    // Tables, 12 width^2 a layer, two norms a layer and one at the end.
    expect(parameterCount(model)).toBe((65 + 64) * 128 + 4 * 12 * 128 ** 2 + 9 * 2 * 128)
  })

  it.each([
    ['GPT-2', { dropout: 0.05, attentionDropout: 0.05 }],
    ['Llama', { ...llama, positions: 'rotary', tied: false }],
  ] as const)('one like %s learns to count in circles', async (_, options) => {
    const model = new GPT({ vocabulary: 7, context: 12, layers: 1, heads: 4, width: 32, ...options })
    const shape = { dtype: 'int64', shape: ['B', 'T'] } as const
    const { parameters, history } = await train({
      model,
      inputs: { ids: shape, labels: shape },
      loss: (context, { ids, labels }) => nextTokenLoss(model.apply(context, ids!), labels!),
      data: {
        rows: 64 * 8,
        batch: (rows) => {
          const take = (shift: number) =>
            tensorOf(
              'int64',
              [rows.length, 12],
              Array.from(rows).flatMap((row) => Array.from({ length: 12 }, (_, t) => (row + t + shift) % 7)),
            )
          return { ids: take(0), labels: take(1) }
        },
      },
      batchSize: 8,
      epochs: 2,
      optimiser: adamW({ weightDecay: 0 }),
      schedule: warmUp(0.1, cosine(1e-2)),
      clip: 1,
      seed: 3,
      threads: 1,
    })
    expect(history.at(-1)!.loss).toBeLessThan(0.1)
    const generator = await TextGenerator.open(model, parameters)
    expect(await generator.generate([[5], [2, 3]], { length: 9, temperature: 0 })).toEqual([
      [6, 0, 1, 2, 3, 4, 5, 6, 0],
      [4, 5, 6, 0, 1, 2, 3, 4, 5],
    ])
    await generator.release()
  })

  it('takes heads of a width of their own, biases of the projections only, and the scaling of rotary positions', async () => {
    const base = {
      vocabulary: 9,
      context: 12,
      width: 8,
      heads: 2,
      layers: 1,
      positions: 'rotary',
      bias: false,
    } as const
    const options = { ...base, headWidth: 6, keyHeads: 1, projectionBias: true }
    const shapes = new Map([...walk(new GPT(options)).parameters].map(([{ shape }, path]) => [path, shape]))
    const attention = 'decoder.layers.0.attention'
    expect(shapes.get(`${attention}.query.weight`)).toEqual([8, 12])
    expect(shapes.get(`${attention}.key.bias`)).toEqual([6])
    expect(shapes.get(`${attention}.output.weight`)).toEqual([12, 8])
    expect(shapes.has(`${attention}.output.bias`)).toBe(false)
    const feeds = { ids: tensorOf('int64', [1, 5], [3, 1, 4, 1, 5]) }
    const logits = (more: Partial<GptOptions>) => {
      const model = new GPT({ ...options, ...more })
      return run(model, feeds, (context, { ids }) => model.apply(context, ids!))
    }
    const [usual, based, turned] = [
      await logits({}),
      await logits({ rotaryBase: 100 }),
      await logits({ rotaryFrequencies: [0, 1, 2].map((i) => 100 ** (-i / 3)) }),
    ]
    expect(based).not.toEqual(usual)
    turned.forEach((logit, i) => {
      expect(logit).toBeCloseTo(based[i]!, 6)
    })
  })

  it('normalised heads do not feel the scale of queries and keys', async () => {
    const scaled = async (headNorm: number | undefined, scale: number) => {
      const model = new MultiHeadAttention(8, 2, { headNorm, bias: false, rotary: true })
      const parameters = new Map(
        [...initialise(model, 4)].map(([path, tensor]) => {
          const by = /^(query|key)\./.test(path) ? scale : 1
          return [path, { ...tensor, data: (tensor.data as Float32Array).map((x) => x * by) }]
        }),
      )
      const append = (context: Context) => ({ y: model.apply(context, context.input('x', 'float32', ['B', 'T', 8])) })
      const session = await openSession(inferenceModel(model, parameters, append))
      const { y } = await session.run({ x: numbers([2, 5, 8], 6) })
      await session.release()
      return Array.from(y!.data as Float32Array)
    }
    const [small, large] = [await scaled(1e-9, 1), await scaled(1e-9, 10)]
    small.forEach((y, i) => {
      expect(large[i]).toBeCloseTo(y, 5)
    })
    expect(await scaled(undefined, 10)).not.toEqual(await scaled(undefined, 1))
  })

  it('an encoder-decoder learns to reverse', async () => {
    const [first, end, symbols] = [1, 2, 6]
    const model = new EncoderDecoder({ source: 9, target: 9, context: 8, layers: 1, heads: 2, width: 32 })
    const random = new Random(1)
    const sources = Array.from({ length: 2048 }, () =>
      Array.from({ length: 2 + random.integer(4) }, () => 3 + random.integer(symbols)),
    )
    const shape = { dtype: 'int64', shape: ['B', 'T'] } as const
    const { parameters } = await train({
      model,
      inputs: {
        source: { dtype: 'int64', shape: ['B', 'S'] },
        sourceMask: { dtype: 'bool', shape: ['B', 'S'] },
        target: shape,
        labels: shape,
      },
      loss: (context, { source, sourceMask, target, labels }) =>
        nextTokenLoss(model.apply(context, { source: source!, sourceMask: sourceMask!, target: target! }), labels!, {
          smoothing: 0.05,
        }),
      data: {
        rows: sources.length,
        batch: (rows) => {
          const chosen = Array.from(rows, (row) => sources[row]!)
          const source = padded(chosen)
          const written = chosen.map((tokens) => [first, ...tokens.toReversed(), end])
          const labels = padded(written.map((tokens) => tokens.slice(1).map((token) => token + 1))).ids
          return {
            source: source.ids,
            sourceMask: source.mask,
            target: padded(written.map((tokens) => tokens.slice(0, -1))).ids,
            // Padding, 0, becomes -1: not counted.
            labels: { ...labels, data: (labels.data as BigInt64Array).map((token) => token - 1n) },
          }
        },
      },
      batchSize: 32,
      epochs: 8,
      optimiser: adamW({ weightDecay: 0 }),
      schedule: warmUp(0.1, cosine(5e-3)),
      clip: 1,
      seed: 3,
      threads: 1,
    })
    const translator = await SequenceTranslator.open(model, parameters)
    const tests = [
      [3, 4, 5, 6],
      [8, 7],
      [4, 4, 6, 3, 8],
    ]
    const found = await translator.translate(tests, { first, end, length: 7, beams: 3 })
    expect(found.map(([best]) => best!.tokens)).toEqual(tests.map((tokens) => tokens.toReversed()))
    await translator.release()
  })
})
