import type { Tensor } from '@volant/graph'
import { type Predict, type Span, spanF1, type TagScheme, type TrainSettings, viterbi } from '@volant/nn'
import type { Tagged } from './data/tagged.js'
import { pieces } from './data/vocabulary.js'
import { printFigures, rounded } from './figures.js'
import type { Trained } from './training.js'
import { withWeights } from './with-weights.js'

/** What a tagger is measured by. */
export interface Tagging {
  readonly model: object
  readonly inputs: TrainSettings['inputs']
  /** `emissions` [B, T, tags], and the scores `transitions`, `start`, `end` of its CRF. */
  readonly predict: NonNullable<TrainSettings['predict']>
  readonly scheme: TagScheme
}

/** The inputs of some sentences, by their numbers. */
type BatchOf = (rows: readonly number[]) => Readonly<Record<string, Tensor>>

/** How well the spans of Viterbi's best tags agree with those that people marked. */
export async function measureSpans(predict: Predict, scheme: TagScheme, set: readonly Tagged[], batchOf: BatchOf) {
  const found: (readonly Span[])[] = []
  for (const rows of pieces(set.length, 32)) {
    const { emissions, ...rest } = await predict(batchOf([...rows]))
    const [transitions, start, end] = ['transitions', 'start', 'end'].map((name) => rest[name]!.data as Float32Array)
    const chain = { transitions: transitions!, start: start!, end: end! }
    const [, T, K] = emissions!.dims as [number, number, number]
    rows.forEach((row, i) => {
      const scores = (emissions!.data as Float32Array).subarray(i * T * K, (i * T + set[row]!.tokens.length) * K)
      found.push(scheme.spans(viterbi(scores, chain).tags))
    })
  }
  return spanF1(
    found,
    set.map(({ spans }) => spans),
  )
}

/** Prints the figures of a tagger: those of the test part with the weights that validation chose, after `first`. */
export async function reportTagging(
  first: Readonly<Record<string, string>>,
  trained: Trained,
  { scheme, ...network }: Tagging,
  [test, batchOf]: readonly [test: readonly Tagged[], batchOf: BatchOf],
  { threads, seed }: { readonly threads: number | undefined; readonly seed: number },
): Promise<void> {
  const { parameters, history, bestEpoch } = trained
  const { f1, precision, recall } = await withWeights({ ...network, parameters, threads }, (predict) =>
    measureSpans(predict, scheme, test, batchOf),
  )
  const figures = {
    ...first,
    testF1: rounded(f1),
    testPrecision: rounded(precision),
    testRecall: rounded(recall),
    validF1: rounded(history[bestEpoch - 1]!.validation!['f1']!),
    bestEpoch,
  }
  printFigures(figures, { model: network.model, trained, seed })
}
