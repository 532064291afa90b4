// npm run example -- sst2-bilstm [--network gru]: sentences of film reviews, Embedding -> BiLSTM -> largest over time -> linear.
import { join } from 'node:path'
import { openTable } from '@volant/data'
import { argMax } from '@volant/graph'
import { adamW, cosine, crossEntropy, parameterCount, TextClassifier, train, warmUp } from '@volant/nn'
import { column, padded, pieces, Vocabulary } from './data/vocabulary.js'
import { readOptions } from './options.js'
import { progress } from './progress.js'

const options = readOptions()
const cell = options.network === 'gru' ? 'gru' : 'lstm'

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

/** Share of right answers. */
async function accuracy(
  rows: readonly number[][],
  labels: readonly number[],
  answer: (rows: Int32Array) => Promise<ArrayLike<number | bigint>>,
): Promise<number> {
  let right = 0
  for (const some of pieces(rows.length, 64)) {
    const answers = await answer(some)
    some.forEach((row, i) => {
      if (Number(answers[i]) === labels[row]) right++
    })
  }
  return right / rows.length
}

let testAccuracy = 0
let best = 0
const { seconds, bestEpoch } = await train({
  model: network,
  inputs: { ids: { dtype: 'int64', shape: ['B', 'T'] }, label: { dtype: 'int64', shape: ['B'] } },
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
  seed: options.seed,
  threads: options.threads,
  predict: (context, { ids }) => ({ answer: argMax(network.apply(context, ids!), 1) }),
  validate: async (predict) => {
    const answers = (rows: readonly number[][]) => async (some: Int32Array) =>
      (await predict({ ids: padded(Array.from(some, (row) => rows[row]!)) }))['answer']!.data
    const validAccuracy = await accuracy(ids.valid, valid.labels, answers(ids.valid))
    // The test part is measured with the weights that validation chooses.
    if (validAccuracy > best) {
      best = validAccuracy
      testAccuracy = await accuracy(ids.test, test.labels, answers(ids.test))
    }
    return { score: 1 - validAccuracy }
  },
  onEvent: progress(),
})
process.stdout.write(
  `${JSON.stringify({
    cell,
    testAccuracy: Number(testAccuracy.toFixed(4)),
    validAccuracy: Number(best.toFixed(4)),
    bestEpoch,
    parameters: parameterCount(network),
    minutes: Number((seconds / 60).toFixed(1)),
    seed: options.seed,
  })}\n`,
)
