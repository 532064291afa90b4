import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Tensor } from '@volant/graph'
import {
  adamW,
  cosine,
  type EpochRecord,
  type Predict,
  parameterCount,
  Random,
  type TrainingData,
  type TrainSettings,
  train,
  type Validation,
  warmUp,
} from '@volant/nn'
import { ModelsError } from '../errors.js'
import type { Objective } from './objective.js'
import { keyOf, plannedSteps } from './plan.js'
import { packTexts, rowsOf, splitRows, type TokenRows } from './rows.js'
import type { PretrainSettings } from './settings.js'
import { type Start, startOf } from './start.js'

export interface Pretrained {
  readonly architecture: string
  readonly base: Start['base']
  readonly vocabulary: number
  readonly parameters: number
  readonly texts: number
  /** Of the texts, those that are measured on included. */
  readonly tokens: number
  readonly rows: { readonly learnt: number; readonly held: number }
  readonly steps: number
  /** How often each row was read. */
  readonly passes: number
  /** Of the weights that are kept: the mean `loss` of a token of the rows held out, for ELECTRA with its parts. */
  readonly validation: Readonly<Record<string, number>> & { readonly loss: number }
  /** Of each round: the training loss, and that of the rows held out. */
  readonly history: readonly EpochRecord[]
  readonly seconds: number
  /** Writes the model folder. @param card README.md */
  save(folder: string, card?: string): Promise<void>
}

/** The loss is validated so many times. */
const rounds = 20
/** Updates after which the state is saved. */
const every = 200

/**
 * Pre-trains a network on texts: masked words (bert, roberta), words put in by a small generator (electra), or the next token (gpt2,
 * llama); new, with a tokeniser made of the texts, or going on from a base. The weights with the lowest loss on rows held out are kept.
 *
 * @throws ModelsError `too-few-texts`, `unknown-architecture`, `other-architecture`, `vocabulary-too-large`, `bad-sizes`,
 * `bad-budget`, `diverged`; the reason of `signal`
 */
export async function pretrain(settings: PretrainSettings): Promise<Pretrained> {
  const started = performance.now()
  checkBudget(settings)
  const { minutes, steps: wanted, batchSize = 32, onEvent, seed, state } = settings
  const start = await startOf(settings)
  const { objective, tokeniser } = start
  const all = await packed(start, settings, settings.texts)
  const { learnt, held } = settings.valid
    ? { learnt: all.rows, held: (await packed(start, settings, settings.valid)).rows }
    : splitRows(all.rows)
  const rows = Math.min(batchSize, learnt.count)
  const key = keyOf([learnt, held], {
    ...start.base,
    files: tokeniser.files,
    seed,
    wanted,
    minutes,
    room: objective.room,
    architecture: start.architecture,
    batch: rows,
    parameters: parameterCount(objective.model),
  })
  const run = (steps: number): TrainSettings => runOf(start, settings, { learnt, held, rows, steps })
  let steps = wanted
  if (steps === undefined) {
    const sizes = { seconds: minutes! * 60, rows: learnt.count, held: held.count }
    steps = await plannedSteps(run(rounds), sizes, { state, key, onTiming: () => onEvent?.({ type: 'timing' }) })
  }
  if (state !== undefined) await mkdir(state, { recursive: true })
  const checkpoint = state === undefined ? undefined : { file: join(state, 'training'), every, key }
  const trained = await train({ ...run(steps), checkpoint, onEvent })
  const { score: loss, ...others } = trained.history[trained.bestEpoch - 1]!.validation!
  if (!Number.isFinite(loss))
    throw new ModelsError('diverged', `The loss of the rows held out is ${loss}; take a lower learning rate.`, { loss })
  return {
    architecture: start.architecture,
    base: start.base,
    vocabulary: tokeniser.vocabularySize,
    parameters: parameterCount(objective.model),
    texts: all.texts,
    tokens: all.tokens,
    rows: { learnt: learnt.count, held: held.count },
    steps: trained.steps,
    passes: (trained.steps * rows) / learnt.count,
    validation: { loss, ...others },
    history: trained.history,
    seconds: (performance.now() - started) / 1000,
    save: (folder, card) => start.save(folder, trained.parameters, card),
  }
}

function checkBudget({ minutes, steps }: PretrainSettings): void {
  const isCount = Number.isSafeInteger(steps) && steps! >= 1
  if ((minutes === undefined && isCount) || (steps === undefined && minutes! > 0)) return
  throw new ModelsError(
    'bad-budget',
    'Pre-training needs minutes, a number above 0, or steps, a whole number of at least 1: one of the two.',
    { minutes, steps },
  )
}

/** The tokens of texts, in rows that fill the network. */
async function packed(
  { architecture, objective, tokeniser, end }: Start,
  { signal, onEvent }: PretrainSettings,
  corpus: PretrainSettings['texts'],
) {
  const onProgress = (done: number) => {
    signal?.throwIfAborted()
    onEvent?.({ type: 'texts', done })
  }
  const tokens = await packTexts(corpus(architecture), tokeniser, { end, onProgress })
  return { texts: tokens.texts, tokens: tokens.ids.length, rows: rowsOf(tokens, objective.room, objective.step) }
}

interface RunOptions {
  readonly learnt: TokenRows
  readonly held: TokenRows
  /** Rows an update. */
  readonly rows: number
  readonly steps: number
}

function runOf({ objective, initial, base }: Start, settings: PretrainSettings, options: RunOptions): TrainSettings {
  const { learnt, held, rows, steps } = options
  const { learningRate = base ? 2e-4 : 1e-3, seed, threads, signal } = settings
  // A round is one pass over the texts, or several where there would be more rounds than are wanted.
  const passes = Math.max(1, Math.ceil((steps * rows) / learnt.count / rounds))
  const data = dataOf(objective, learnt, passes)
  return {
    model: objective.model,
    inputs: objective.inputs,
    loss: objective.loss,
    predict: objective.predict,
    validate: validation(objective, held, rows),
    data,
    batchSize: rows,
    epochs: Math.ceil(steps / Math.ceil(data.rows / rows)),
    maxSteps: steps,
    optimiser: adamW({ beta2: 0.98, weightDecay: 0.01 }),
    schedule: warmUp(0.1, cosine(learningRate)),
    clip: 1,
    initial: initial as ReadonlyMap<string, Tensor>,
    seed,
    threads,
    signal,
  }
}

const dataOf = (objective: Objective, rows: TokenRows, passes: number): TrainingData => ({
  rows: rows.count * passes,
  batch: (chosen, random) =>
    objective.batch(
      Array.from(chosen, (row) => rows.at(row % rows.count)),
      random,
    ),
})

/** The means of what `objective.predict` tells over all labels, with the same words masked every time. */
function validation(objective: Objective, held: TokenRows, rows: number): (predict: Predict) => Promise<Validation> {
  return async (predict) => {
    const sums = new Map<string, number>()
    let labels = 0
    for (let from = 0; from < held.count; from += rows) {
      const texts = Array.from({ length: Math.min(rows, held.count - from) }, (_, row) => held.at(from + row))
      const batch = objective.batch(texts, new Random(from, 'validation'))
      const count = batch['labels']!.data.length
      for (const [name, { data }] of Object.entries(await predict(batch)))
        sums.set(name, (sums.get(name) ?? 0) + Number(data[0]) * count)
      labels += count
    }
    const { loss, ...others } = Object.fromEntries([...sums].map(([name, sum]) => [name, sum / labels]))
    return { ...others, score: loss! }
  }
}
