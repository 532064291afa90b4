// The hashed n-gram classifier of Joulin et al. 2016 ("Bag of tricks for efficient text classification") as a network of @volant/nn.
import fs from 'node:fs'
import { crossEntropy, encodeOnnx, GraphBuilder, lower } from '@volant/graph'
import { adamW, Context, cosine, EmbeddingBag, hashName, Linear, Module, normal, openSession, train } from '@volant/nn'
import { settings, shape } from './shape.mjs'

const { buckets, width } = shape
const mark = '__label__'

/** Reads lines `__label__class words`: `classes`, the class of each row, and its n-grams as ids from `indptr[row]` on. */
export function readRows(file, classes = []) {
  const lines = fs.readFileSync(file, 'utf8').trimEnd().split('\n')
  const classOf = new Map(classes.map((name, place) => [name, place]))
  const labels = new Int32Array(lines.length)
  const indptr = new Int32Array(lines.length + 1)
  const ids = []
  const hashes = new Map()
  for (const [row, line] of lines.entries()) {
    const [label, ...words] = line.split(' ')
    const name = label.slice(mark.length)
    if (!classOf.has(name)) classOf.set(name, classOf.size)
    labels[row] = classOf.get(name)
    let before
    for (const word of words) {
      const hash = hashes.get(word) ?? hashName(word)
      hashes.set(word, hash)
      ids.push(hash % buckets)
      if (before !== undefined) ids.push(((Math.imul(before, 116_049_371) + hash) >>> 0) % buckets)
      before = hash
    }
    indptr[row + 1] = ids.length
  }
  return { classes: [...classOf.keys()], labels, indptr, ids: Int32Array.from(ids) }
}

class Classifier extends Module {
  bag = new EmbeddingBag(buckets, width, { initialiser: normal(0.1) })

  constructor(classes) {
    super()
    this.head = new Linear(width, classes)
  }

  forward(context, { ids, weights }) {
    return this.head.apply(context, this.bag.apply(context, ids, weights))
  }
}

const inputs = {
  ids: { dtype: 'int64', shape: ['B', 'n'] },
  weights: { dtype: 'float32', shape: ['B', 'n'] },
}

/** The tensors of some rows, shorter ones padded. */
function batchOf({ indptr, ids }, rows) {
  const longest = rows.reduce((most, row) => Math.max(most, indptr[row + 1] - indptr[row]), 1)
  const dims = [rows.length, longest]
  const padded = new BigInt64Array(rows.length * longest)
  const weights = new Float32Array(padded.length)
  rows.forEach((row, place) => {
    const [from, end] = [indptr[row], indptr[row + 1]]
    for (let at = from; at < end; at++) padded[place * longest + at - from] = BigInt(ids[at])
    weights.fill(1 / (end - from), place * longest, place * longest + end - from)
  })
  return { ids: { dtype: 'int64', dims, data: padded }, weights: { dtype: 'float32', dims, data: weights } }
}

/** Trains on rows of `readRows`; resolves to the model and its weights. */
export async function trainClassifier(rows, threads) {
  const { labels, indptr, classes } = rows
  const { epochs, batchSize, learningRate, clip } = settings
  const model = new Classifier(classes.length)
  const { parameters } = await train({
    model,
    inputs: { ...inputs, y: { dtype: 'int64', shape: ['B'] } },
    loss: (context, { y, ...given }) => crossEntropy(model.apply(context, given), y),
    data: {
      rows: labels.length,
      length: (row) => indptr[row + 1] - indptr[row],
      batch: (some) => ({
        ...batchOf(rows, some),
        y: { dtype: 'int64', dims: [some.length], data: BigInt64Array.from(some, (row) => BigInt(labels[row])) },
      }),
    },
    batchSize,
    epochs,
    optimiser: adamW(),
    schedule: cosine(learningRate),
    clip,
    seed: 1,
    threads,
  })
  return { model, parameters }
}

/** The share of rows whose class is told. */
export async function accuracyOf({ model, parameters }, rows, threads) {
  const builder = new GraphBuilder('bag')
  const context = new Context(builder, model)
  const given = Object.fromEntries(
    Object.entries(inputs).map(([name, { dtype, shape }]) => [name, context.input(name, dtype, shape)]),
  )
  builder.output('scores', model.apply(context, given))
  const graph = lower(builder.build(), { opset: 18, provider: 'cpu', mode: 'infer' }, parameters)
  const session = await openSession(encodeOnnx(graph), { threads })
  let right = 0
  for (let from = 0; from < rows.labels.length; from += settings.batchSize) {
    const size = Math.min(settings.batchSize, rows.labels.length - from)
    const some = Int32Array.from({ length: size }, (_, place) => from + place)
    const { scores } = await session.run(batchOf(rows, some))
    const classes = scores.dims[1]
    some.forEach((row, place) => {
      const own = scores.data.subarray(place * classes, (place + 1) * classes)
      if (own.indexOf(Math.max(...own)) === rows.labels[row]) right++
    })
  }
  await session.release()
  return right / rows.labels.length
}
