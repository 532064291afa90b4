// npm run example -- weibo-ner [--network pretrained]: names in Chinese messages, by character: Embedding -> BiLSTM -> CRF.
// `pretrained`: embedding and BiLSTM first learn to foretell the next and the former character on other Chinese texts.
import { join } from 'node:path'
import type { Tensor } from '@volant/graph'
import { adamW, cosine, parameterCount, spanF1, Tagger, TagScheme, train, viterbi, warmUp } from '@volant/nn'
import { chineseSentences } from './data/chinese.js'
import { readTagged, type Tagged } from './data/tagged.js'
import { padded, pieces, Vocabulary } from './data/vocabulary.js'
import { pretrain } from './foretell.js'
import { readOptions } from './options.js'
import { progress } from './progress.js'

const options = readOptions()
const started = performance.now()
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

let initial: ReadonlyMap<string, Tensor> | undefined
if (isPretrained)
  initial = await pretrain(
    network,
    [...own, ...sentences].map((tokens) => vocabulary.ids(tokens)),
    vocabulary.size,
    options,
  )

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

async function measure(set: readonly Tagged[], all: readonly number[][], predict: (ids: Tensor) => Promise<Predicted>) {
  const found = []
  for (const some of pieces(all.length, 32)) {
    const rows = Array.from(some, (row) => all[row]!)
    found.push(...decode(await predict(padded(rows)), rows))
  }
  return spanF1(
    found,
    set.map(({ spans }) => spans),
  )
}

let best = { valid: 0, test: { precision: 0, recall: 0, f1: 0 } }
const { bestEpoch } = await train({
  model: network,
  inputs: { ids: { dtype: 'int64', shape: ['B', 'T'] }, tags: { dtype: 'int64', shape: ['B', 'T'] } },
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
  epochs: options.epochs ?? 12,
  optimiser: adamW({ weightDecay: 0.01 }),
  schedule: warmUp(0.1, cosine(0.003)),
  clip: 5,
  seed: options.seed,
  threads: options.threads,
  ...(initial ? { initial } : {}),
  predict: (context, { ids }) => ({ emissions: network.apply(context, [ids!]), ...network.crf.scores(context) }),
  validate: async (predict) => {
    const run = (ids: Tensor) => predict({ ids })
    const { f1 } = await measure(valid, numbered.valid, run)
    // The test part is measured with the weights that validation chooses.
    if (f1 > best.valid) best = { valid: f1, test: await measure(test, numbered.test, run) }
    return { score: 1 - f1 }
  },
  onEvent: progress(),
})
process.stdout.write(
  `${JSON.stringify({
    start: isPretrained ? 'pretrained' : 'from scratch',
    testF1: Number(best.test.f1.toFixed(4)),
    testPrecision: Number(best.test.precision.toFixed(4)),
    testRecall: Number(best.test.recall.toFixed(4)),
    validF1: Number(best.valid.toFixed(4)),
    bestEpoch,
    parameters: parameterCount(network),
    minutes: Number(((performance.now() - started) / 60_000).toFixed(1)),
    seed: options.seed,
  })}\n`,
)
