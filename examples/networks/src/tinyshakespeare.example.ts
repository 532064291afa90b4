// GPT by character on tinyshakespeare. Without --minutes nanoGPT's configuration for a CPU: 2,000 iterations; with it the best
// that this machine can do in that time. `--network nanogpt` has learned positions, as nanoGPT itself; `--network larger` is the one of
// --minutes.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { type Tensor, tensorOf } from '@volant/graph'
import {
  adamW,
  cosine,
  GPT,
  meanLoss,
  nextTokenLoss,
  parameterCount,
  type Random,
  TextGenerator,
  type TrainSettings,
  train,
  warmUp,
} from '@volant/nn'
import { iterationsWithin, readIterations } from './iterations.js'
import { progress } from './progress.js'
import { untilStopped } from './stop.js'

const nanoGpt = { layers: 4, heads: 4, width: 128, context: 64, dropout: 0, batchSize: 12 }
const larger = { layers: 6, heads: 6, width: 192, context: 128, dropout: 0.1, batchSize: 16 }
const EVALUATIONS = 4

const options = readIterations()
const timed = Number.isFinite(options.minutes)
const { batchSize, ...size } = timed || options.network === 'larger' ? larger : nanoGpt

// Rotary positions reach a lower loss than the learned ones that nanoGPT has, at the same number of iterations.
const positions = options.network === 'nanogpt' ? 'learned' : 'rotary'

const text = gunzipSync(readFileSync(join(options.data, 'tinyshakespeare', 'input.txt.gz'))).toString()
const characters = [...new Set(text)].sort()
const idOf = new Map(characters.map((character, id) => [character, id]))
const encode = (part: string) => Int32Array.from(part, (character) => idOf.get(character)!)
const ids = encode(text)
const split = Math.floor(0.9 * ids.length)
const [training, validation] = [ids.subarray(0, split), ids.subarray(split)]

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

function settings(iterations: number): TrainSettings {
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
          training,
          Array.from(rows, () => random.integer(training.length - size.context)),
        ),
    },
    batchSize,
    epochs: EVALUATIONS,
    maxSteps: iterations,
    optimiser: adamW({ beta1: 0.9, beta2: 0.99, weightDecay: 0.1 }),
    schedule: warmUp(Math.min(100, Math.ceil(iterations / 10)), cosine(1e-3, { floor: 1e-4 })),
    clip: 1,
    seed: options.seed,
    threads: options.threads,
    validate: meanLoss(wholeWindows),
    onEvent: progress(),
  }
}

const started = performance.now()
const wanted = options.iterations ?? (timed ? undefined : 2000)
const iterations = wanted ?? (await iterationsWithin(settings(1000), options.minutes))
process.stderr.write(`${iterations} iterations; --iterations ${iterations} repeats them\n`)
// The minutes have decided the iterations, so they stop nothing.
await untilStopped({ ...options, minutes: Number.POSITIVE_INFINITY }, async (signal) => {
  const checkpoint = options.checkpoint === undefined ? undefined : { file: options.checkpoint, every: 200 }
  const { parameters, history, seconds } = await train({ ...settings(iterations), checkpoint, signal })
  const generator = await TextGenerator.open(model, parameters)
  const prompt = [...encode('\n')]
  const generating = performance.now()
  const [sample] = await generator.generate([prompt], {
    length: 500,
    temperature: 0.8,
    topK: 40,
    seed: options.seed,
  })
  const charactersPerSecond = 500 / ((performance.now() - generating) / 1000)
  await generator.release()
  process.stderr.write(`${sample!.map((id) => characters[id]).join('')}\n`)
  const figures = {
    validationLoss: Number(Math.min(...history.map(({ validation }) => validation!.score)).toFixed(4)),
    trainingLoss: Number(history.at(-1)!.loss.toFixed(4)),
    iterations,
    tokensPerSecond: Math.round((iterations * batchSize * size.context) / seconds),
    charactersPerSecond: Math.round(charactersPerSecond),
    parameters: parameterCount(model),
    minutes: Number(((performance.now() - started) / 60_000).toFixed(1)),
    seed: options.seed,
  }
  process.stdout.write(`${JSON.stringify(figures)}\n`)
})
