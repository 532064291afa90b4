import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { crossEntropy, encodeOnnx, GraphBuilder, lower, tensorOf } from '@volant/graph'
import { describe, expect, it } from 'vitest'
import { meanSquaredError } from '../losses/regression.js'
import { Context } from '../modules/context.js'
import { Conv2d, ConvTranspose2d } from '../modules/convolution.js'
import type { Module } from '../modules/module.js'
import { initialise, parameterCount, walk } from '../modules/tree.js'
import { adam } from '../optimisers/optimisers.js'
import { constant, cosine } from '../optimisers/schedules.js'
import { Random } from '../random.js'
import { openSession } from '../runtime/session.js'
import { train } from '../trainer/train.js'
import { Autoencoder } from './autoencoder.js'
import { Cnn } from './cnn.js'
import { LeNet } from './lenet.js'
import { MobileNet } from './mobilenet.js'
import { ResNet } from './resnet.js'

const classifiers: Record<string, { network: Module; shape: number[]; parameters: number }> = {
  // 32 (9 + 1) + 64 (32·9 + 1) + 128 (64·49 + 1) + 10 (128 + 1)
  cnn: {
    network: new Cnn({ channels: 1, size: [28, 28], classes: 10 }),
    shape: [1, 28, 28],
    parameters: 320 + 18_496 + 401_536 + 1290,
  },
  'cnn that averages': {
    network: new Cnn({
      channels: 1,
      size: [20, 9],
      classes: 4,
      widths: [4, 8, 8],
      hidden: 0,
      norm: true,
      dropout: 0.1,
    }),
    shape: [1, 20, 9],
    parameters: 4 * 9 + 8 + 8 * 36 + 16 + 8 * 72 + 16 + 4 * 9,
  },
  // As published, but for the second convolution, which sees all six maps: 156 + 2,416 + 48,120 + 10,164 + 850
  lenet: { network: new LeNet(), shape: [1, 28, 28], parameters: 61_706 },
  // ResNet-20 with 1x1 convolutions at its two changes of shape (option B of the paper): 432 + 32 + 14,016 + 51,648 + 205,696 + 650
  resnet: {
    network: new ResNet({ channels: 3, classes: 10 }),
    shape: [3, 32, 32],
    parameters: 272_474,
  },
  mobilenet: {
    network: new MobileNet({
      channels: 3,
      classes: 5,
      stem: 8,
      stages: [
        { width: 8, blocks: 1, stride: 1, expansion: 1 },
        { width: 12, blocks: 2, stride: 2, expansion: 2 },
      ],
      features: 16,
    }),
    shape: [3, 9, 7],
    // stem 216 + 16, blocks 168, 160 + 176 + 216 and 336 + 264 + 312, head 192 + 32, output 85
    parameters: 2173,
  },
}

describe.each(Object.entries(classifiers))('%s', (_, { network, shape, parameters }) => {
  it('has the number of parameters worked out by hand', () => {
    expect(parameterCount(network)).toBe(parameters)
  })

  it('makes logits, and a step of training lowers the loss of its batch', async () => {
    const random = new Random(1)
    const size = shape.reduce((a, b) => a * b)
    const rows = 4
    const pictures = Float32Array.from({ length: rows * size }, () => random.normal())
    const batch = () => ({
      x: { dtype: 'float32' as const, dims: [rows, ...shape], data: pictures.slice() },
      y: tensorOf('int64', [rows], [0, 1, 2, 3]),
    })
    const { history } = await train({
      model: network,
      inputs: { x: { dtype: 'float32', shape: ['B', ...shape] }, y: { dtype: 'int64', shape: ['B'] } },
      loss: (context, { x, y }) => crossEntropy(network.apply(context, x!), y!),
      data: { rows, batch },
      batchSize: rows,
      epochs: 12,
      optimiser: adam(),
      schedule: constant(3e-3),
      seed: 1,
      threads: 1,
    })
    expect(history[0]!.loss).toBeGreaterThan(0.5)
    expect(history.at(-1)!.loss).toBeLessThan(history[0]!.loss / 1.5)
  })
})

describe('autoencoder', () => {
  const network = new Autoencoder({ channels: 1, size: [8, 8], widths: [8, 16], code: 6 })

  it('gives a code, and pictures of the size it was given', async () => {
    const builder = new GraphBuilder()
    const context = new Context(builder, network)
    const x = context.input('x', 'float32', ['B', 1, 8, 8])
    const code = network.encode(context, x)
    expect(code.shape).toEqual(['B', 6])
    builder.output('y', network.decode(context, code))
    const model = lower(builder.build(), { opset: 18, provider: 'cpu', mode: 'infer' }, initialise(network, 1))
    const session = await openSession(encodeOnnx(model))
    const { y } = await session.run({ x: tensorOf('float32', [3, 1, 8, 8], new Array(192).fill(0.5)) })
    expect(y!.dims).toEqual([3, 1, 8, 8])
    expect([...y!.data].every((value) => Number(value) > 0 && Number(value) < 1)).toBe(true)
    expect(() => new Autoencoder({ channels: 1, size: [10, 8] })).toThrow('10 x 8 cannot be halved 2 times')
  })

  it('learns stripes', async () => {
    const batch = (rows: Int32Array) => {
      const pixels = [...rows].flatMap((row) =>
        Array.from({ length: 64 }, (_, i) => ((row % 2 === 0 ? i % 8 : i >> 3) === row >> 1 ? 1 : 0)),
      )
      return { x: tensorOf('float32', [rows.length, 1, 8, 8], pixels) }
    }
    const { history } = await train({
      model: network,
      inputs: { x: { dtype: 'float32', shape: ['B', 1, 8, 8] } },
      loss: (context, { x }) => meanSquaredError(network.apply(context, x!), x!),
      data: { rows: 16, batch },
      batchSize: 16,
      epochs: 150,
      optimiser: adam(),
      schedule: cosine(0.01),
      seed: 2,
      threads: 1,
    })
    // Saying the mean everywhere would cost 7/64.
    expect(history.at(-1)!.loss).toBeLessThan(7 / 64 / 4)
  })
})

describe('convolutions', () => {
  it('name their paths, and refuse groups that do not divide the channels', () => {
    expect([...walk(new ResNet({ channels: 1, classes: 2, blocks: 1 })).parameters.values()].slice(0, 6)).toEqual([
      'stem.layers.0.weight',
      'stem.layers.1.gamma',
      'stem.layers.1.beta',
      'stem.layers.1.mean',
      'stem.layers.1.variance',
      'blocks.0.branch.layers.0.weight',
    ])
    expect(new Conv2d(8, 8, [3, 1], { groups: 8 }).weight.shape).toEqual([8, 1, 3, 1])
    expect(new ConvTranspose2d(4, 6, 3, { groups: 2, bias: false }).weight.shape).toEqual([4, 3, 3, 3])
    expect(() => new Conv2d(6, 8, 3, { groups: 4 })).toThrow('6 and 8 channels cannot be cut into 4 groups')
  })
})

const digits = fileURLToPath(new URL('../../../../../shared/data/digits_8x8', import.meta.url))

describe.skipIf(!existsSync(digits))('digits_8x8 of ../shared/data (skipped without it)', () => {
  const read = (part: string) => {
    const [, ...lines] = readFileSync(`${digits}/${part}.csv`, 'utf8').trim().split('\n')
    return lines.map((line) => line.split(',').map(Number))
  }

  it('a tiny CNN reads more than 96 of 100 digits after five epochs', async () => {
    const [learnt, unseen] = [read('train'), read('test')]
    const batchOf = (set: number[][]) => (rows: Iterable<number>) => {
      const chosen = [...rows].map((row) => set[row]!)
      const pixels = chosen.flatMap((row) => row.slice(0, 64).map((value) => value / 8 - 1))
      return {
        x: tensorOf('float32', [chosen.length, 1, 8, 8], pixels),
        y: tensorOf(
          'int64',
          [chosen.length],
          chosen.map((row) => row[64]!),
        ),
      }
    }
    const network = new Cnn({ channels: 1, size: [8, 8], classes: 10, widths: [8, 16], hidden: 32, norm: true })
    let accuracy = 0
    await train({
      model: network,
      inputs: { x: { dtype: 'float32', shape: ['B', 1, 8, 8] }, y: { dtype: 'int64', shape: ['B'] } },
      loss: (context, { x, y }) => crossEntropy(network.apply(context, x!), y!),
      predict: (context, { x }) => ({ y: network.apply(context, x!) }),
      async validate(predict) {
        const { x } = batchOf(unseen)(unseen.keys())
        const { y } = await predict({ x })
        const right = unseen.filter((row, i) => {
          const scores = [...(y!.data as Float32Array).subarray(i * 10, i * 10 + 10)]
          return scores.indexOf(Math.max(...scores)) === row[64]
        })
        accuracy = right.length / unseen.length
        return { score: 1 - accuracy }
      },
      data: { rows: learnt.length, batch: batchOf(learnt) },
      batchSize: 32,
      epochs: 5,
      optimiser: adam(),
      schedule: cosine(0.01),
      seed: 42,
      threads: 1,
    })
    expect(accuracy).toBeGreaterThan(0.96)
  })
})
