import { gain, type MetricName } from '../metrics/index.js'
import { blendedAnswers, type Choice, choose, type Judged } from './choose.js'
import type { Dataset } from './dataset.js'
import { measureOutputs } from './measure.js'
import type { FittedOutput } from './outputs.js'

/** A base makes a model of 60 MB that answers more slowly; by so much of the error it must be better to be worth it. */
const leastGain = 0.05

/**
 * Chooses with and without the candidates on a base that nobody asked for. They stay where the choice with them has an error
 * smaller by a twentieth than the choice without, in the mean over outputs.
 */
export function chooseWithOffer(
  outputs: readonly FittedOutput[],
  candidates: readonly Judged[],
  rows: Dataset,
  isOnBase: (name: string) => boolean,
): Choice & { keepsBase: boolean } {
  const all = choose(outputs, candidates, rows)
  const uses = all.shares.some(
    ({ candidate, weights }) => isOnBase(candidate) && Object.values(weights).some((one) => one > 0),
  )
  if (!uses) return { ...all, keepsBase: false }
  const scratch = choose(
    outputs,
    candidates.filter(({ name }) => !isOnBase(name)),
    rows,
  )
  const [before, after] = [errors(outputs, candidates, rows, scratch), errors(outputs, candidates, rows, all)]
  const gains = outputs.map((_, place) => (before[place]! > 0 ? 1 - after[place]! / before[place]! : 0))
  const mean = gains.reduce((sum, one) => sum + one, 0) / gains.length
  if (mean >= leastGain) return { ...all, keepsBase: true }
  const left = all.shares
    .filter(({ candidate }) => isOnBase(candidate))
    .map((share) => ({
      ...share,
      weights: Object.fromEntries(Object.keys(share.weights).map((name) => [name, 0])),
      reason: `Left out: with it the error on validation rows falls by ${(100 * Math.max(0, mean)).toFixed(1)} %, and it must be ${100 * leastGain} % for a base to be worth its size and time.`,
    }))
  return { shares: [...scratch.shares, ...left], blend: scratch.blend, keepsBase: false }
}

/** Whether a candidate alone answers all rows rightly, so that nothing is left to gain by a base. */
export function isPerfect(outputs: readonly FittedOutput[], candidate: Judged, rows: Dataset): boolean {
  const choice = choose(outputs, [candidate], rows)
  return errors(outputs, [candidate], rows, choice).every((error) => error === 0)
}

/** What is missing to a perfect value of each output's primary metric. */
function errors(
  outputs: readonly FittedOutput[],
  candidates: readonly Judged[],
  rows: Dataset,
  { shares, blend }: Choice,
): number[] {
  const raw = new Map(candidates.map((one) => [one.name, one.raw]))
  const answers = blendedAnswers(
    outputs,
    shares.map((share) => ({ ...share, raw: raw.get(share.candidate)! })),
    blend,
  )
  const measured = measureOutputs(outputs, rows, answers)
  return outputs.map(({ name, type: { primary } }) => {
    const value = measured[name]?.[primary] ?? 0
    return isError(primary) ? value : 1 - value
  })
}

/** Whether a smaller value of the metric is a better one. */
const isError = (metric: MetricName) => gain(metric, 0, 1) > 0
