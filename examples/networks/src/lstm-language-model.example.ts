// npm run example -- lstm-language-model: Shakespeare by character, Embedding -> LSTM -> LSTM -> softmax, and what it writes.
import { join } from 'node:path'
import { crossEntropy, reshape } from '@volant/graph'
import { adamW, cosine, LanguageModel, meanLoss, openReader, Random, sampleToken, warmUp } from '@volant/nn'
import { readText } from './data/text.js'
import { padded, Vocabulary } from './data/vocabulary.js'
import { printFigures, rounded } from './figures.js'
import { readOptions } from './options.js'
import { type Trained, trainUntilStopped } from './training.js'

const options = readOptions('lstm-language-model')
const text = readText(join(options.data, 'tinyshakespeare', 'input.txt.gz'))
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
const trained = await trainUntilStopped(
  {
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
    validate: meanLoss({
      rows: valid.length,
      batch: (rows) => windows(Array.from(rows, (row) => valid[row]!)),
    }),
  },
  options,
)
if (trained) await report(trained)

async function report(trained: Trained): Promise<void> {
  process.stderr.write(`${await write(trained.parameters, 'ROMEO:\n', 400, 0.7)}\n`)
  const validLoss = Math.min(...trained.history.map(({ validation }) => validation!.score))
  const figures = { validLoss: rounded(validLoss), perplexity: rounded(Math.exp(validLoss), 3) }
  printFigures(figures, { model, trained, seed: options.seed })
}

/** Goes on from a beginning, drawing each character by its probability at the temperature. */
async function write(
  parameters: Trained['parameters'],
  beginning: string,
  characters: number,
  temperature: number,
): Promise<string> {
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
