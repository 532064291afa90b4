import { encodeOnnx, GraphBuilder, lower, softmax, type Tensor } from '@volant/graph'
import { Context, type Module, openSession } from '@volant/nn'
import { scaledBatch } from './data/augment.js'
import type { Labelled, Scale } from './data/labelled.js'

export interface AccuracyOptions {
  readonly threads?: number | undefined
  /** Average the probabilities of each picture and its mirror image. */
  readonly mirror?: boolean
}

/** Share of the set's rows that a trained classifier labels rightly, measured on the exported ONNX model. */
export async function accuracy(
  network: Module,
  parameters: ReadonlyMap<string, Tensor>,
  set: Labelled,
  scale: Scale,
  { threads = 1, mirror = false }: AccuracyOptions = {},
): Promise<number> {
  const session = await openSession(exportClassifier(network, parameters, set), { threads })
  const classes = set.classes.length
  let right = 0
  for (let from = 0; from < set.labels.length; from += 100) {
    const rows = Int32Array.from({ length: Math.min(100, set.labels.length - from) }, (_, i) => from + i)
    const x = scaledBatch(set, rows, scale)
    const seen = mirror ? [x, mirrored(x, set)] : [x]
    const sums = new Float32Array(rows.length * classes)
    for (const data of seen) {
      const { y } = await session.run({ x: { dtype: 'float32', dims: [rows.length, ...set.shape], data } })
      y!.data.forEach((probability, i) => {
        sums[i]! += Number(probability)
      })
    }
    rows.forEach((row, i) => {
      const scores = sums.subarray(i * classes, (i + 1) * classes)
      if (scores.indexOf(Math.max(...scores)) === set.labels[row]) right++
    })
  }
  await session.release()
  return right / set.labels.length
}

/** The classifier as an ONNX model: x float32 [batch, channels, height, width] -> y, probabilities [batch, classes]. */
function exportClassifier(network: Module, parameters: ReadonlyMap<string, Tensor>, { shape }: Labelled): Uint8Array {
  const builder = new GraphBuilder('classifier')
  const context = new Context(builder, network)
  builder.output('y', softmax(network.apply(context, context.input('x', 'float32', ['batch', ...shape]))))
  return encodeOnnx(lower(builder.build(), { opset: 18, provider: 'cpu', mode: 'infer' }, parameters))
}

/** Pictures of the set's shape, left and right exchanged. */
function mirrored(pictures: Float32Array, set: Labelled): Float32Array {
  const width = set.shape[2]
  const mirror = pictures.slice()
  for (let line = 0; line < pictures.length; line += width) mirror.subarray(line, line + width).reverse()
  return mirror
}
