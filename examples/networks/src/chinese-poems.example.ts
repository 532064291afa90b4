// GPT by character on Song ci: perplexity on the test part, and poems to given titles.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import {
  adamW,
  compileEvaluation,
  cosine,
  createRuntime,
  GPT,
  nextTokenLoss,
  type Predict,
  parameterCount,
  TextGenerator,
  type TrainSettings,
  train,
  warmUp,
} from '@volant/nn'
import { padded, pieces, Vocabulary } from './data/vocabulary.js'
import { iterationsWithin, readIterations } from './iterations.js'
import { progress } from './progress.js'
import { untilStopped } from './stop.js'

const CONTEXT = 128
const BATCH = 32
const END = '\u0003'

const options = readIterations()
const minutes = Number.isFinite(options.minutes) ? options.minutes : 30

/** Title, a line break, the text, an end; cut at the context. */
function poems(file: string): string[][] {
  const bytes = readFileSync(join(options.data, 'chinese_poems', file))
  const lines = (file.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString().trimEnd().split('\n')
  return lines.map((line) => {
    const { title, text } = JSON.parse(line) as { title: string; text: string }
    return [...`${title}\n${text}${END}`].slice(0, CONTEXT + 1)
  })
}

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

function settings(iterations: number): TrainSettings {
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
    seed: options.seed,
    threads: options.threads,
    validate: async (predict) => {
      const score = await characterLoss(predict, ids.valid)
      return { score, perplexity: Math.exp(score) }
    },
    onEvent: progress(),
  }
}

const started = performance.now()
const iterations = options.iterations ?? (await iterationsWithin(settings(1000), minutes))
process.stderr.write(`${iterations} iterations; --iterations ${iterations} repeats them\n`)
// The minutes have decided the iterations, so they stop nothing.
await untilStopped({ ...options, minutes: Number.POSITIVE_INFINITY }, async (signal) => {
  const checkpoint = options.checkpoint === undefined ? undefined : { file: options.checkpoint, every: 200 }
  const { parameters, history } = await train({ ...settings(iterations), checkpoint, signal })
  const runtime = createRuntime({ threads: options.threads })
  await runtime.load(
    'evaluate',
    compileEvaluation(model, inputs, (context, values) => ({ loss: loss(context, values) })),
  )
  await runtime.write(Object.fromEntries(parameters))
  const testLoss = await characterLoss((batch) => runtime.step('evaluate', batch), ids.test)
  await runtime.release()
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
  const figures = {
    validationPerplexity: Number(Math.exp(Math.min(...history.map(({ validation }) => validation!.score))).toFixed(2)),
    testPerplexity: Number(Math.exp(testLoss).toFixed(2)),
    iterations,
    parameters: parameterCount(model),
    minutes: Number(((performance.now() - started) / 60_000).toFixed(1)),
    seed: options.seed,
  }
  process.stdout.write(`${JSON.stringify(figures)}\n`)
})
