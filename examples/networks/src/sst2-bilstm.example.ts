// npm run example -- sst2-bilstm [--network gru]: sentences of film reviews, Embedding -> BiLSTM -> largest over time -> linear.
import { join } from 'node:path'
import { openTable } from '@volant/data'
import { argMax } from '@volant/graph'
import { adamW, cosine, crossEntropy, type Predict, TextClassifier, type TrainSettings, warmUp } from '@volant/nn'
import { column, padded, pieces, Vocabulary } from './data/vocabulary.js'
import { printFigures, rounded } from './figures.js'
import { readOptions } from './options.js'
import { type Trained, trainUntilStopped } from './training.js'
import { withWeights } from './with-weights.js'

const options = readOptions('sst2-bilstm')
const cell = options.network ?? 'lstm'

interface Sentences {
  readonly words: readonly string[][]
  readonly labels: readonly number[]
}

async function read(part: string): Promise<Sentences> {
  const table = await openTable(join(options.data, 'sst2', `${part}.csv`))
  const { text, label } = await table.toColumns(['text', 'label'])
  await table.close()
  return { words: text!.map((cell) => String(cell).trim().split(/\s+/)), labels: label!.map(Number) }
}

const [training, valid, test] = [await read('train'), await read('valid'), await read('test')]
const vocabulary = new Vocabulary(training.words, 2)
const network = new TextClassifier({
  vocabulary: vocabulary.size,
  classes: 2,
  width: 128,
  hidden: 128,
  cell,
  dropout: 0.5,
})
const idsOf = ({ words }: Sentences) => words.map((sentence) => vocabulary.ids(sentence))
const ids = { training: idsOf(training), valid: idsOf(valid), test: idsOf(test) }

const inputs = { ids: { dtype: 'int64', shape: ['B', 'T'] }, label: { dtype: 'int64', shape: ['B'] } } as const
const answer: NonNullable<TrainSettings['predict']> = (context, { ids }) => ({
  answer: argMax(network.apply(context, ids!), 1),
})

/** Share of right answers. */
async function accuracy(rows: readonly number[][], labels: readonly number[], predict: Predict): Promise<number> {
  let right = 0
  for (const some of pieces(rows.length, 64)) {
    const { answer } = await predict({ ids: padded(Array.from(some, (row) => rows[row]!)) })
    some.forEach((row, i) => {
      if (Number(answer!.data[i]) === labels[row]) right++
    })
  }
  return right / rows.length
}

const trained = await trainUntilStopped(
  {
    model: network,
    inputs,
    loss: (context, { ids, label }) => crossEntropy(network.apply(context, ids!), label!, { smoothing: 0.1 }),
    data: {
      rows: training.labels.length,
      length: (row) => ids.training[row]!.length,
      batch: (rows) => ({
        ids: padded(Array.from(rows, (row) => ids.training[row]!)),
        label: column(Array.from(rows, (row) => training.labels[row]!)),
      }),
    },
    batchSize: 64,
    epochs: options.epochs ?? 10,
    optimiser: adamW({ weightDecay: 0.01 }),
    schedule: warmUp(0.1, cosine(0.003)),
    clip: 1,
    predict: answer,
    validate: async (predict) => {
      const validAccuracy = await accuracy(ids.valid, valid.labels, predict)
      return { score: 1 - validAccuracy, validAccuracy }
    },
  },
  options,
)
if (trained) await report(trained)

/** The test part is measured with the weights that validation chose. */
async function report(trained: Trained): Promise<void> {
  const { parameters, history, bestEpoch } = trained
  const evaluation = { model: network, inputs, predict: answer, parameters, threads: options.threads }
  const testAccuracy = await withWeights(evaluation, (predict) => accuracy(ids.test, test.labels, predict))
  const figures = {
    cell,
    testAccuracy: rounded(testAccuracy),
    validAccuracy: rounded(history[bestEpoch - 1]!.validation!['validAccuracy']!),
    bestEpoch,
  }
  printFigures(figures, { model: network, trained, seed: options.seed })
}
