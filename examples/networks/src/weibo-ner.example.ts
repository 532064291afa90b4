// npm run example -- weibo-ner [--network pretrained]: names in Chinese messages, by character: Embedding -> BiLSTM -> CRF.
// `pretrained`: embedding and BiLSTM first learn to foretell the next and the former character on other Chinese texts.
import { join } from 'node:path'
import type { Tensor } from '@volant/graph'
import { adamW, cosine, Tagger, TagScheme, type TrainSettings, warmUp } from '@volant/nn'
import { chineseSentences } from './data/chinese.js'
import { readTagged, type Tagged } from './data/tagged.js'
import { padded, Vocabulary } from './data/vocabulary.js'
import { pretrain } from './foretell.js'
import { readOptions } from './options.js'
import { measureSpans, reportTagging } from './tagging.js'
import { trainUntilStopped } from './training.js'

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

const inputs = { ids: { dtype: 'int64', shape: ['B', 'T'] }, tags: { dtype: 'int64', shape: ['B', 'T'] } } as const
const chain: NonNullable<TrainSettings['predict']> = (context, { ids }) => ({
  emissions: network.apply(context, [ids!]),
  ...network.crf.scores(context),
})

const batchFrom = (all: readonly number[][]) => (rows: readonly number[]) => ({
  ids: padded(rows.map((row) => all[row]!)),
})

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
        const { f1 } = await measureSpans(predict, scheme, valid, batchFrom(numbered.valid))
        return { score: 1 - f1, f1 }
      },
    },
    options,
  )

const rows = [...own, ...sentences].map((tokens) => vocabulary.ids(tokens))
const before = isPretrained ? await pretrain(network, rows, vocabulary.size, options) : { weights: undefined, from: 0 }
const trained = before && (await tag(before.weights))
if (trained) {
  const first = { start: isPretrained ? 'pretrained' : 'from scratch' }
  const tagging = { model: network, inputs, predict: chain, scheme }
  const whole = { ...trained, from: before.from + trained.from }
  await reportTagging(first, whole, tagging, [test, batchFrom(numbered.test)], options)
}
