// npm run example -- weibo-ner [--network pretrained]: names in Chinese messages, by character: Embedding -> BiLSTM -> CRF.
// `pretrained`: embedding and BiLSTM first learn to foretell the next and the former character on other Chinese texts.
import { join } from 'node:path'
import type { Tensor } from '@volant/graph'
import { adamW, cosine, type Predict, spanF1, Tagger, TagScheme, type TrainSettings, viterbi, warmUp } from '@volant/nn'
import { chineseSentences } from './data/chinese.js'
import { readTagged, type Tagged } from './data/tagged.js'
import { padded, pieces, Vocabulary } from './data/vocabulary.js'
import { printFigures, rounded } from './figures.js'
import { pretrain } from './foretell.js'
import { readOptions } from './options.js'
import { type Trained, trainUntilStopped } from './training.js'
import { withWeights } from './with-weights.js'

const options = readOptions('weibo-ner')
const [training, valid, test] = ['train', 'valid', 'test'].map((part) =>
  readTagged(join(options.data, 'weibo_ner', `${part}.jsonl`)),
) as [Tagged[], Tagged[], Tagged[]]
const isPretrained = options.network === 'pretrained'
/** Sentences of other texts, about 1.7 million characters. */
const most = 60_000
const texts = isPretrained ? (await chineseSentences(options.data)).slice(0, most) : []
const sentences = texts.map((text) => Array.from(text))
const own = training.map(({ tokens }) => tokens)
const vocabulary = isPretrained ? new Vocabulary([...own, ...sentences], 5) : new Vocabulary(own, 1)

const scheme = new TagScheme(
  'bmes',
  [...new Set(training.flatMap(({ spans }) => spans.map(({ kind }) => kind)))].sort(),
)
const network = new Tagger({
  tables: [{ vocabulary: vocabulary.size, width: 128 }],
  scheme,
  hidden: 192,
  dropout: 0.5,
})

const ids = (rows: readonly Tagged[]) => rows.map(({ tokens }) => vocabulary.ids(tokens))
const numbered = { training: ids(training), valid: ids(valid), test: ids(test) }
const tags = training.map(({ tokens, spans }) => scheme.encode(spans, tokens.length))

type Predicted = Readonly<Record<string, Tensor>>

/** The spans of some sentences by Viterbi's best tags. */
function decode({ emissions, transitions, start, end }: Predicted, rows: readonly (readonly number[])[]) {
  const chain = [transitions, start, end].map((tensor) => tensor!.data as Float32Array)
  const [, T, K] = emissions!.dims as [number, number, number]
  return rows.map((row, i) => {
    const scores = (emissions!.data as Float32Array).subarray(i * T * K, (i * T + row.length) * K)
    return scheme.spans(viterbi(scores, { transitions: chain[0]!, start: chain[1]!, end: chain[2]! }).tags)
  })
}

const inputs = { ids: { dtype: 'int64', shape: ['B', 'T'] }, tags: { dtype: 'int64', shape: ['B', 'T'] } } as const
const chain: NonNullable<TrainSettings['predict']> = (context, { ids }) => ({
  emissions: network.apply(context, [ids!]),
  ...network.crf.scores(context),
})

async function measure(set: readonly Tagged[], all: readonly number[][], predict: Predict) {
  const found = []
  for (const some of pieces(all.length, 32)) {
    const rows = Array.from(some, (row) => all[row]!)
    found.push(...decode(await predict({ ids: padded(rows) }), rows))
  }
  return spanF1(
    found,
    set.map(({ spans }) => spans),
  )
}

const tag = (initial?: ReadonlyMap<string, Tensor>) =>
  trainUntilStopped(
    {
      model: network,
      inputs,
      loss: (context, { ids, tags }) => network.loss(context, [ids!], tags!),
      data: {
        rows: training.length,
        length: (row) => tags[row]!.length,
        batch: (rows) => ({
          ids: padded(Array.from(rows, (row) => numbered.training[row]!)),
          tags: padded(Array.from(rows, (row) => tags[row]!)),
        }),
      },
      batchSize: 32,
      epochs: options.epochs ?? (isPretrained ? 20 : 12),
      optimiser: adamW({ weightDecay: 0.01 }),
      schedule: warmUp(0.1, cosine(0.003)),
      clip: 5,
      initial,
      predict: chain,
      validate: async (predict) => {
        const { f1 } = await measure(valid, numbered.valid, predict)
        return { score: 1 - f1, f1 }
      },
    },
    options,
  )

const rows = [...own, ...sentences].map((tokens) => vocabulary.ids(tokens))
const before = isPretrained ? await pretrain(network, rows, vocabulary.size, options) : { weights: undefined, from: 0 }
const trained = before && (await tag(before.weights))
if (trained) await report({ ...trained, from: before.from + trained.from })

/** The test part is measured with the weights that validation chose. */
async function report(trained: Trained): Promise<void> {
  const { parameters, history, bestEpoch } = trained
  const evaluation = { model: network, inputs, predict: chain, parameters, threads: options.threads }
  const { f1, precision, recall } = await withWeights(evaluation, (predict) => measure(test, numbered.test, predict))
  const figures = {
    start: isPretrained ? 'pretrained' : 'from scratch',
    testF1: rounded(f1),
    testPrecision: rounded(precision),
    testRecall: rounded(recall),
    validF1: rounded(history[bestEpoch - 1]!.validation!['f1']!),
    bestEpoch,
  }
  printFigures(figures, { model: network, trained, seed: options.seed })
}
