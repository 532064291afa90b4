// Transformer encoder-decoder from English (by word) to Chinese (by character): BLEU by character on the test part, with samples.
import { join } from 'node:path'
import { adamW, cosine, EncoderDecoder, meanLoss, nextTokenLoss, padded, SequenceTranslator, warmUp } from '@volant/nn'
import { charactersOf, corpusBleu } from './bleu.js'
import { readJsonLines } from './data/text.js'
import { padded as filled, pieces, Vocabulary } from './data/vocabulary.js'
import { printFigures, rounded } from './figures.js'
import { type PlannedResult, trainPlanned } from './iterations.js'
import { readOptions } from './options.js'
import type { Training } from './training.js'

const BATCH = 64
const LONGEST = 48
const [FIRST, END] = ['\u0002', '\u0003']

const options = readOptions('tatoeba')

const words = (text: string) => text.toLowerCase().match(/[a-z]+|\d|[^\sa-z\d]/g) ?? []

const pairs = (file: string) =>
  readJsonLines<{ en: string; zh: string }>(join(options.data, 'tatoeba_en_zh', file)).map(({ en, zh }) => ({
    en,
    zh,
    source: words(en).slice(0, LONGEST),
    target: [FIRST, ...charactersOf(zh).slice(0, LONGEST), END],
  }))

const parts = { train: pairs('train.jsonl.gz'), valid: pairs('valid.jsonl'), test: pairs('test.jsonl') }
const sources = new Vocabulary(
  parts.train.map(({ source }) => source),
  2,
)
const targets = new Vocabulary(
  parts.train.map(({ target }) => target),
  2,
)
const encode = (part: typeof parts.train) =>
  part.map(({ source, target }) => ({ source: sources.ids(source), target: targets.ids(target) }))
const ids = { train: encode(parts.train), valid: encode(parts.valid), test: encode(parts.test) }

const model = new EncoderDecoder({
  source: sources.size,
  target: targets.size,
  context: LONGEST + 2,
  layers: 3,
  heads: 4,
  width: 256,
  hidden: 768,
  dropout: 0.2,
})

const batchOf = (part: typeof ids.train, rows: Int32Array) => {
  const chosen = Array.from(rows, (row) => part[row]!)
  const source = padded(chosen.map(({ source }) => source))
  return {
    source: source.ids,
    sourceMask: source.mask,
    target: filled(chosen.map(({ target }) => target.slice(0, -1))),
    labels: filled(
      chosen.map(({ target }) => target.slice(1)),
      -1,
    ),
  }
}

function training(iterations: number): Training {
  const ids64 = { dtype: 'int64', shape: ['B', 'T'] } as const
  const rows = ids.train.length
  return {
    model,
    inputs: {
      source: { dtype: 'int64', shape: ['B', 'S'] },
      sourceMask: { dtype: 'bool', shape: ['B', 'S'] },
      target: ids64,
      labels: ids64,
    },
    loss: (context, { source, sourceMask, target, labels }) => {
      const logits = model.apply(context, { source: source!, sourceMask: sourceMask!, target: target! })
      return nextTokenLoss(logits, labels!, { smoothing: context.training ? 0.1 : 0 })
    },
    data: {
      rows,
      length: (row) => ids.train[row]!.source.length + ids.train[row]!.target.length,
      batch: (rows) => batchOf(ids.train, rows),
    },
    batchSize: BATCH,
    epochs: Math.ceil((iterations * BATCH) / rows),
    maxSteps: iterations,
    optimiser: adamW({ beta2: 0.98, weightDecay: 0.01 }),
    schedule: warmUp(0.1, cosine(1.5e-3)),
    clip: 1,
    validate: meanLoss({ rows: ids.valid.length, batch: (rows) => batchOf(ids.valid, rows) }),
  }
}

const trained = await trainPlanned({ training, length: { minutes: 25 } }, options)
if (trained) await report(trained)

async function report(trained: PlannedResult): Promise<void> {
  const translations = await translate(trained.parameters)
  for (const row of [0, 100, 250, 400, 550, 700, 850, 1000])
    process.stderr.write(`${parts.test[row]!.en} -> ${translations[row]} (${parts.test[row]!.zh})\n`)
  const references = parts.test.map(({ zh }) => charactersOf(zh))
  const figures = {
    bleu: rounded(corpusBleu(translations.map(charactersOf), references), 2),
    validationLoss: rounded(Math.min(...trained.history.map(({ validation }) => validation!.score))),
    iterations: trained.iterations,
  }
  printFigures(figures, { model, trained, seed: options.seed })
}

/** The sentences of the test part in Chinese. */
async function translate(parameters: PlannedResult['parameters']): Promise<string[]> {
  const translator = await SequenceTranslator.open(model, parameters, { threads: options.threads ?? 2 })
  const [first, end] = targets.ids([FIRST, END]) as [number, number]
  const translations: string[] = []
  for (const rows of pieces(ids.test.length, 32)) {
    const batch = Array.from(rows, (row) => ids.test[row]!.source)
    const found = await translator.translate(batch, { first, end, beams: 4, length: LONGEST, lengthPenalty: 1 })
    for (const [best] of found) translations.push(best!.tokens.map((id) => targets.tokens[id - 2] ?? '□').join(''))
  }
  await translator.release()
  return translations
}
