// npm run example -- lstm-language-model: Shakespeare by character, Embedding -> LSTM -> LSTM -> softmax, and what it writes.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { crossEntropy, reshape } from '@volant/graph'
import {
  adamW,
  cosine,
  LanguageModel,
  openReader,
  parameterCount,
  Random,
  sampleToken,
  train,
  warmUp,
} from '@volant/nn'
import { padded, pieces, Vocabulary } from './data/vocabulary.js'
import { readOptions } from './options.js'
import { progress } from './progress.js'

const options = readOptions()
const text = gunzipSync(readFileSync(join(options.data, 'tinyshakespeare', 'input.txt.gz'))).toString('utf8')
const vocabulary = new Vocabulary([Array.from(text)])
const ids = vocabulary.ids(Array.from(text))
const split = Math.floor(ids.length * 0.9)
/** Characters a row. */
const length = 128
const model = new LanguageModel({ vocabulary: vocabulary.size, width: 64, hidden: 256, layers: 2, dropout: 0.1 })

/** Rows of characters and of those that follow, from the places given. */
const windows = (places: readonly number[]) => ({
  ids: padded(places.map((place) => ids.slice(place, place + length))),
  next: padded(places.map((place) => ids.slice(place + 1, place + length + 1))),
})
const places = (from: number, to: number) =>
  Array.from({ length: Math.floor((to - from - 1) / length) }, (_, i) => from + i * length)
const [training, valid] = [places(0, split - length), places(split, ids.length)]

const inputs = { ids: { dtype: 'int64', shape: ['B', 'T'] }, next: { dtype: 'int64', shape: ['B', 'T'] } } as const
const { parameters, history, seconds } = await train({
  model,
  inputs,
  loss: (context, { ids, next }) => {
    const { logits } = model.apply(context, ids!)
    return crossEntropy(reshape(logits, [-1, vocabulary.size]), reshape(next!, [-1]))
  },
  data: {
    rows: training.length,
    // Every epoch cuts the text at other places.
    batch: (rows, random) => windows(Array.from(rows, (row) => training[row]! + random.integer(length))),
  },
  batchSize: 32,
  epochs: options.epochs ?? 8,
  optimiser: adamW({ weightDecay: 0.01 }),
  schedule: warmUp(0.05, cosine(0.004)),
  clip: 1,
  seed: options.seed,
  threads: options.threads,
  validate: async (predict) => {
    let sum = 0
    for (const some of pieces(valid.length, 64)) {
      const { loss } = await predict(windows(Array.from(some, (row) => valid[row]!)))
      sum += Number(loss!.data[0]) * some.length
    }
    return { score: sum / valid.length }
  },
  onEvent: progress(),
})

/** Goes on from a beginning, drawing each character by its probability at the temperature. */
async function write(beginning: string, characters: number, temperature: number): Promise<string> {
  const reader = await openReader(model, parameters)
  const random = new Random(options.seed, 'writing')
  const written = vocabulary.ids(Array.from(beginning))
  let logits: Float32Array = new Float32Array(vocabulary.size)
  for (const id of written) logits = await reader.read(id)
  while (written.length < beginning.length + characters) {
    const id = sampleToken(logits, { temperature }, random)
    written.push(id)
    logits = await reader.read(id)
  }
  await reader.release()
  return vocabulary.text(written)
}

process.stdout.write(`${await write('ROMEO:\n', 400, 0.7)}\n\n`)
const loss = Math.min(...history.map(({ validation }) => validation!.score))
process.stdout.write(
  `${JSON.stringify({
    validLoss: Number(loss.toFixed(4)),
    perplexity: Number(Math.exp(loss).toFixed(3)),
    parameters: parameterCount(model),
    minutes: Number((seconds / 60).toFixed(1)),
    seed: options.seed,
  })}\n`,
)
