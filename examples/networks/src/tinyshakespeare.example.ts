// GPT by character on tinyshakespeare. Without --minutes nanoGPT's configuration for a CPU: 2,000 iterations; with it the best
// that this machine can do in that time. `--network nanogpt` has learned positions, as nanoGPT itself; `--network larger` is the one of
// --minutes.
import { join } from 'node:path'
import { type Tensor, tensorOf } from '@volant/graph'
import { adamW, cosine, GPT, meanLoss, nextTokenLoss, type Random, TextGenerator, warmUp } from '@volant/nn'
import { readText } from './data/text.js'
import { printFigures, rounded } from './figures.js'
import { type PlannedResult, trainPlanned } from './iterations.js'
import { readOptions } from './options.js'
import type { Training } from './training.js'

const nanoGpt = { layers: 4, heads: 4, width: 128, context: 64, dropout: 0, batchSize: 12 }
const larger = { layers: 6, heads: 6, width: 192, context: 128, dropout: 0.1, batchSize: 16 }
const EVALUATIONS = 4

const options = readOptions('tinyshakespeare')
const network = options.network ?? (options.minutes === undefined ? 'rotary' : 'larger')
const { batchSize, ...size } = network === 'larger' ? larger : nanoGpt

// Rotary positions reach a lower loss than the learned ones that nanoGPT has, at the same number of iterations.
const positions = network === 'nanogpt' ? 'learned' : 'rotary'

const text = readText(join(options.data, 'tinyshakespeare', 'input.txt.gz'))
const characters = [...new Set(text)].sort()
const idOf = new Map(characters.map((character, id) => [character, id]))
const encode = (part: string) => Int32Array.from(part, (character) => idOf.get(character)!)
const ids = encode(text)
const split = Math.floor(0.9 * ids.length)
const [head, validation] = [ids.subarray(0, split), ids.subarray(split)]

/** Windows of the text and, as labels, the same a character later. */
function windows(source: Int32Array, starts: readonly number[]): Record<string, Tensor> {
  const { context } = size
  const take = (shift: number) =>
    tensorOf(
      'int64',
      [starts.length, context],
      starts.flatMap((start) => [...source.subarray(start + shift, start + shift + context)]),
    )
  return { ids: take(0), labels: take(1) }
}

const model = new GPT({ ...size, vocabulary: characters.length, bias: false, positions })
const wholeWindows = {
  rows: Math.floor((validation.length - 1) / size.context),
  batch: (rows: Int32Array) =>
    windows(
      validation,
      Array.from(rows, (row) => row * size.context),
    ),
}

function training(iterations: number): Training {
  const shape = { dtype: 'int64', shape: ['B', 'T'] } as const
  return {
    model,
    inputs: { ids: shape, labels: shape },
    loss: (context, { ids, labels }) => nextTokenLoss(model.apply(context, ids!), labels!),
    data: {
      // As in nanoGPT every row is a window at a random place.
      rows: batchSize * Math.ceil(iterations / EVALUATIONS),
      batch: (rows: Int32Array, random: Random) =>
        windows(
          head,
          Array.from(rows, () => random.integer(head.length - size.context)),
        ),
    },
    batchSize,
    epochs: EVALUATIONS,
    maxSteps: iterations,
    optimiser: adamW({ beta1: 0.9, beta2: 0.99, weightDecay: 0.1 }),
    schedule: warmUp(Math.min(100, Math.ceil(iterations / 10)), cosine(1e-3, { floor: 1e-4 })),
    clip: 1,
    validate: meanLoss(wholeWindows),
  }
}

const trained = await trainPlanned({ training, length: { iterations: 2000 } }, options)
if (trained) await report(trained)

async function report(trained: PlannedResult): Promise<void> {
  const { history, iterations, from, seconds } = trained
  const charactersPerSecond = await write(trained.parameters)
  const figures = {
    validationLoss: rounded(Math.min(...history.map(({ validation }) => validation!.score))),
    trainingLoss: rounded(history.at(-1)!.loss),
    iterations,
    tokensPerSecond: Math.round(((iterations - from) * batchSize * size.context) / seconds),
    charactersPerSecond: Math.round(charactersPerSecond),
  }
  printFigures(figures, { model, trained, seed: options.seed })
}

/** Writes a sample, and says how many characters a second it came to. */
async function write(parameters: PlannedResult['parameters']): Promise<number> {
  const generator = await TextGenerator.open(model, parameters)
  const started = performance.now()
  const settings = { length: 500, temperature: 0.8, topK: 40, seed: options.seed }
  const [sample] = await generator.generate([[...encode('\n')]], settings)
  const seconds = (performance.now() - started) / 1000
  await generator.release()
  process.stderr.write(`${sample!.map((id) => characters[id]).join('')}\n`)
  return settings.length / seconds
}
