// npm run example -- wnut17 [--base MODEL]: names in English messages, by word: a pretrained encoder, linear, CRF. A word stands
// where its first token does (Devlin et al. 2019, "BERT").
import { join } from 'node:path'
import { gather, reshape, tensorOf, type Value } from '@volant/graph'
import { encoderNetwork, locateModel, openEncoder, Tokeniser } from '@volant/models'
import {
  adamW,
  type Context,
  CRF,
  cosine,
  Dropout,
  Linear,
  Module,
  TagScheme,
  type TrainSettings,
  warmUp,
} from '@volant/nn'
import { readTagged, type Tagged } from './data/tagged.js'
import { padded } from './data/vocabulary.js'
import { readOptions } from './options.js'
import { measureSpans, reportTagging } from './tagging.js'
import { trainUntilStopped } from './training.js'

const options = readOptions('wnut17')
const name = options.base ?? 'english'
const encoder = await openEncoder(await locateModel(name), name)
const tokeniser = new Tokeniser(encoder.description.tokeniser)
const [training, valid, test] = ['train', 'valid', 'test'].map((part) =>
  readTagged(join(options.data, 'wnut17', `${part}.jsonl`)),
) as [Tagged[], Tagged[], Tagged[]]
const scheme = new TagScheme('bio', [...new Set(training.flatMap(({ spans }) => spans.map(({ kind }) => kind)))].sort())

class WordTagger extends Module<[inputs: Words]> {
  readonly encoder = encoderNetwork(encoder.description)
  readonly dropout = new Dropout(0.1)
  readonly head = new Linear(this.encoder.width, scheme.tags.length)
  readonly crf = new CRF(scheme.tags.length, scheme)

  /** Token ids int64 [B, T], mask bool [B, T], places of words among the B T tokens int64 [B, W] -> emissions [B, W, tags]. */
  protected forward(context: Context, { ids, mask, places }: Words): Value {
    const states = this.encoder.apply(context, ids, { mask })
    const words = gather(reshape(states, [-1, this.encoder.width]), places)
    return this.head.apply(context, this.dropout.apply(context, words))
  }
}

interface Words {
  readonly ids: Value
  readonly mask: Value
  readonly places: Value
}

const network = new WordTagger()

/** Of each word the place of its first token; of one without tokens the first place of all. */
function tokensOf({ tokens }: Tagged): { ids: Int32Array; places: number[] } {
  const { ids, words } = tokeniser.encodeWords(tokens, { maxTokens: encoder.description.longest })
  return { ids, places: tokens.map((_, word) => Math.max(0, words.indexOf(word))) }
}

const encoded = { training: training.map(tokensOf), valid: valid.map(tokensOf), test: test.map(tokensOf) }
const tags = training.map(({ tokens, spans }) => scheme.encode(spans, tokens.length))

const grid = { dtype: 'int64', shape: ['B', 'T'] } as const
const words = { dtype: 'int64', shape: ['B', 'W'] } as const
const inputs = {
  ids: grid,
  mask: { dtype: 'bool', shape: ['B', 'T'] },
  places: words,
  real: { dtype: 'bool', shape: ['B', 'W'] },
  tags: words,
} as const

function batchOf(rows: readonly { ids: Int32Array; places: number[] }[]) {
  const ids = padded(rows.map((row) => [...row.ids]))
  const longest = ids.dims[1]!
  const real = (counts: readonly number[], width: number) =>
    tensorOf(
      'bool',
      [rows.length, width],
      counts.flatMap((count) => Array.from({ length: width }, (_, i) => Number(i < count))),
    )
  const places = padded(rows.map((row, b) => row.places.map((place) => b * longest + place)))
  return {
    ids,
    mask: real(
      rows.map((row) => row.ids.length),
      longest,
    ),
    places,
    real: real(
      rows.map((row) => row.places.length),
      places.dims[1]!,
    ),
  }
}

const batchFrom = (all: readonly ReturnType<typeof tokensOf>[]) => (rows: readonly number[]) =>
  batchOf(rows.map((row) => all[row]!))

const predicted: NonNullable<TrainSettings['predict']> = (context, { ids, mask, places }) => ({
  emissions: network.apply(context, { ids: ids!, mask: mask!, places: places! }),
  ...network.crf.scores(context),
})

const pretrained = [...(await encoder.weights())].map(([path, weight]) => [`encoder.${path}`, weight] as const)
const trained = await trainUntilStopped(
  {
    model: network,
    inputs,
    loss: (context, { ids, mask, places, real, tags }) =>
      network.crf.apply(context, network.apply(context, { ids: ids!, mask: mask!, places: places! }), tags!, real!),
    data: {
      rows: training.length,
      length: (row) => encoded.training[row]!.ids.length,
      batch: (rows) => ({
        ...batchOf(Array.from(rows, (row) => encoded.training[row]!)),
        tags: padded(Array.from(rows, (row) => tags[row]!)),
      }),
    },
    batchSize: 16,
    epochs: options.epochs ?? 10,
    // What is new learns faster than what is pretrained.
    optimiser: adamW({ weightDecay: 0.01, rates: { 'head.**': 10, 'crf.**': 100 } }),
    schedule: warmUp(0.1, cosine(1e-4)),
    clip: 1,
    initial: new Map(pretrained),
    predict: predicted,
    validate: async (predict) => {
      const { f1 } = await measureSpans(predict, scheme, valid, batchFrom(encoded.valid))
      return { score: 1 - f1, f1 }
    },
  },
  options,
)
const tagging = { model: network, inputs, predict: predicted, scheme }
if (trained) await reportTagging({ base: name }, trained, tagging, [test, batchFrom(encoded.test)], options)
