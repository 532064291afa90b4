// GPT by character on Song ci: perplexity on the test part, and poems to given titles.
import { join } from 'node:path'
import { adamW, cosine, GPT, nextTokenLoss, type Predict, TextGenerator, type TrainSettings, warmUp } from '@volant/nn'
import { readJsonLines } from './data/text.js'
import { padded, pieces, Vocabulary } from './data/vocabulary.js'
import { printFigures, rounded } from './figures.js'
import { type PlannedResult, trainPlanned } from './iterations.js'
import { readOptions } from './options.js'
import type { Training } from './training.js'
import { withWeights } from './with-weights.js'

const CONTEXT = 128
const BATCH = 32
const END = '\u0003'

const options = readOptions('chinese-poems')

/** Title, a line break, the text, an end; cut at the context. */
const poems = (file: string): string[][] =>
  readJsonLines<{ title: string; text: string }>(join(options.data, 'chinese_poems', file)).map(({ title, text }) =>
    [...`${title}\n${text}${END}`].slice(0, CONTEXT + 1),
  )

const parts = {
  train: poems('songci_train.jsonl.gz'),
  valid: poems('songci_valid.jsonl'),
  test: poems('songci_test.jsonl'),
}
const vocabulary = new Vocabulary(parts.train, 3)
const model = new GPT({
  vocabulary: vocabulary.size,
  context: CONTEXT,
  layers: 4,
  heads: 4,
  width: 192,
  dropout: 0.1,
  positions: 'rotary',
  bias: false,
})

const encoded = (part: readonly string[][]) => part.map((tokens) => vocabulary.ids(tokens))
const ids = { train: encoded(parts.train), valid: encoded(parts.valid), test: encoded(parts.test) }
const batchOf = (poems: readonly number[][], rows: Int32Array) => {
  const chosen = Array.from(rows, (row) => poems[row]!)
  return {
    ids: padded(chosen.map((p) => p.slice(0, -1))),
    labels: padded(
      chosen.map((p) => p.slice(1)),
      -1,
    ),
  }
}

/** Mean loss of a character. */
async function characterLoss(predict: Predict, poems: readonly number[][]): Promise<number> {
  let [sum, count] = [0, 0]
  for (const rows of pieces(poems.length, BATCH)) {
    const { loss } = await predict(batchOf(poems, rows))
    const places = rows.reduce((total, row) => total + poems[row]!.length - 1, 0)
    sum += Number(loss!.data[0]) * places
    count += places
  }
  return sum / count
}

const shape = { dtype: 'int64', shape: ['B', 'T'] } as const
const inputs = { ids: shape, labels: shape }
const loss: TrainSettings['loss'] = (context, { ids, labels }) => nextTokenLoss(model.apply(context, ids!), labels!)

function training(iterations: number): Training {
  const rows = ids.train.length
  return {
    model,
    inputs,
    loss,
    data: { rows, length: (row) => ids.train[row]!.length, batch: (rows) => batchOf(ids.train, rows) },
    batchSize: BATCH,
    epochs: Math.ceil((iterations * BATCH) / rows),
    maxSteps: iterations,
    optimiser: adamW({ beta2: 0.99, weightDecay: 0.1 }),
    schedule: warmUp(0.05, cosine(1e-3, { floor: 1e-4 })),
    clip: 1,
    validate: async (predict) => {
      const score = await characterLoss(predict, ids.valid)
      return { score, perplexity: Math.exp(score) }
    },
  }
}

const trained = await trainPlanned({ training, length: { minutes: 30 } }, options)
if (trained) await report(trained)

async function report(trained: PlannedResult): Promise<void> {
  const { parameters, history, iterations } = trained
  const predict: TrainSettings['predict'] = (context, values) => ({ loss: loss(context, values) })
  const testLoss = await withWeights({ model, inputs, predict, parameters, threads: options.threads }, (predict) =>
    characterLoss(predict, ids.test),
  )
  await writePoems(parameters)
  const figures = {
    validationPerplexity: rounded(Math.exp(Math.min(...history.map(({ validation }) => validation!.score))), 2),
    testPerplexity: rounded(Math.exp(testLoss), 2),
    iterations,
  }
  printFigures(figures, { model, trained, seed: options.seed })
}

async function writePoems(parameters: PlannedResult['parameters']): Promise<void> {
  const generator = await TextGenerator.open(model, parameters)
  const titles = ['浣溪沙', '水调歌头', '蝶恋花']
  const end = vocabulary.ids([END])
  const written = await generator.generate(
    titles.map((title) => vocabulary.ids([...`${title}\n`])),
    { length: 100, temperature: 0.9, topP: 0.9, repetitionPenalty: 1.1, stop: end, seed: options.seed },
  )
  await generator.release()
  titles.forEach((title, i) => {
    const text = written[i]!.map((id) => vocabulary.tokens[id - 2] ?? '□').join('')
    process.stderr.write(`${title}\n${text}\n\n`)
  })
}
