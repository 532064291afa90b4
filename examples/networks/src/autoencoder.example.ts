// npm run example -- autoencoder: clothing of 28 x 28 pixels reduced to 32 numbers and drawn again from these.
import { encodeOnnx, GraphBuilder, lower, type Tensor } from '@volant/graph'
import { Autoencoder, adam, Context, cosine, meanSquaredError, openSession, warmUp } from '@volant/nn'
import { scaledBatch } from './data/augment.js'
import { type Labelled, sizeOf } from './data/labelled.js'
import { fashionMnist } from './data/pictures.js'
import { printFigures, rounded } from './figures.js'
import { readOptions } from './options.js'
import { type Trained, trainUntilStopped } from './training.js'

const CODE = 32
const options = readOptions('autoencoder')
const { train: set, test } = fashionMnist(options.data)
const network = new Autoencoder({ channels: 1, size: [28, 28], widths: [32, 64], code: CODE })
/** Pixels in [0, 1]. */
const pictures = (from: Labelled, rows: Int32Array): Tensor => ({
  dtype: 'float32',
  dims: [rows.length, ...from.shape],
  data: scaledBatch(from, rows, { mean: [0], deviation: [255] }),
})

const trained = await trainUntilStopped(
  {
    model: network,
    inputs: { x: { dtype: 'float32', shape: ['B', ...set.shape] } },
    loss: (context, { x }) => meanSquaredError(network.apply(context, x!), x!),
    data: { rows: set.labels.length, batch: (rows) => ({ x: pictures(set, rows) }) },
    batchSize: 128,
    epochs: options.epochs ?? 6,
    optimiser: adam(),
    schedule: warmUp(0.1, cosine(3e-3)),
  },
  options,
)
if (trained) await report(trained)

async function report(trained: Trained): Promise<void> {
  const drawn = await reconstruct(trained.parameters)
  const all = (part: Labelled) =>
    pictures(
      part,
      Int32Array.from(part.labels, (_, row) => row),
    ).data as Float32Array
  const seen = all(test)
  for (const row of [0, 1, 2]) process.stderr.write(`${sideBySide(seen, drawn, row)}\n`)
  const error = meanSquare(seen, (i) => drawn[i]!)
  const means = meanPicture(all(set))
  const figures = {
    meanSquaredError: rounded(error, 5),
    ofVarianceKept: rounded(1 - error / meanSquare(seen, (i) => means[i % means.length]!)),
    code: CODE,
  }
  printFigures(figures, { model: network, trained, seed: options.seed })
}

/** The test pictures as the trained network draws them. */
async function reconstruct(parameters: ReadonlyMap<string, Tensor>): Promise<Float32Array> {
  const builder = new GraphBuilder('autoencoder')
  const context = new Context(builder, network)
  builder.output('y', network.apply(context, context.input('x', 'float32', ['batch', ...test.shape])))
  const model = lower(builder.build(), { opset: 18, provider: 'cpu', mode: 'infer' }, parameters)
  const session = await openSession(encodeOnnx(model), { threads: options.threads })
  const drawn = new Float32Array(test.values.length)
  for (let from = 0; from < test.labels.length; from += 100) {
    const rows = Int32Array.from({ length: 100 }, (_, i) => from + i)
    const { y } = await session.run({ x: pictures(test, rows) })
    drawn.set(y!.data as Float32Array, from * sizeOf(test))
  }
  await session.release()
  return drawn
}

function meanSquare(pixels: Float32Array, drawn: (i: number) => number): number {
  return pixels.reduce((sum, pixel, i) => sum + (pixel - drawn(i)) ** 2, 0) / pixels.length
}

function meanPicture(pixels: Float32Array): Float64Array {
  const size = sizeOf(set)
  const means = new Float64Array(size)
  pixels.forEach((pixel, i) => {
    means[i % size]! += (pixel * size) / pixels.length
  })
  return means
}

/** A picture and its reconstruction in characters, two rows of pixels in one line. */
function sideBySide(seen: Float32Array, drawn: Float32Array, row: number): string {
  const [, height, width] = test.shape
  const line = (pixels: Float32Array, y: number) => {
    const at = row * height * width + y * width
    return Array.from(
      pixels.subarray(at, at + width),
      (pixel) => ' .:-=+*#%@'[Math.min(9, Math.floor(pixel * 10))],
    ).join('')
  }
  return Array.from({ length: height / 2 }, (_, i) => `${line(seen, 2 * i)}  ${line(drawn, 2 * i)}`).join('\n')
}
