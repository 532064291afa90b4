import type { TrainedCandidate } from '../candidates/candidate.js'
import type { Calibration } from '../decoders/decoder.js'
import { type Blend, type MetricValues, measureAll } from '../metrics/index.js'
import type { Dataset } from './dataset.js'
import { type FittedOutput, targetsOf } from './outputs.js'

/** Raw scores of a candidate on rows it did not learn from. */
export interface Judged {
  readonly name: string
  readonly raw: Readonly<Record<string, Float64Array | Float32Array>>
}

/** A candidate's part in the final model. */
export interface Share {
  readonly candidate: string
  /** Weight in the blend by output, 0 … 1. */
  readonly weights: Readonly<Record<string, number>>
  readonly calibration: Readonly<Record<string, Calibration>>
  /** Metrics of the calibrated candidate alone, by output. */
  readonly metrics: Readonly<Record<string, MetricValues>>
  readonly reason: string
}

/** A part of the final model with the candidate that was trained for it. */
export interface Part {
  readonly candidate: TrainedCandidate
  readonly weights: Readonly<Record<string, number>>
  readonly calibration: Readonly<Record<string, Calibration>>
}

export interface Choice {
  readonly shares: Share[]
  /** Calibration of the blended answers, for the outputs that blend several candidates. */
  readonly blend: Readonly<Record<string, Calibration>>
}

/**
 * Calibrates each candidate and keeps the best or a blend, output by output, by what they say about `rows`, which none of
 * them has learnt from. Several candidates are blended only where that is better by the primary metric.
 */
export function choose(outputs: readonly FittedOutput[], candidates: readonly Judged[], rows: Dataset): Choice {
  const blend: Record<string, Calibration> = {}
  const shares = candidates.map(({ name }) => ({
    candidate: name,
    weights: {} as Record<string, number>,
    calibration: {} as Record<string, Calibration>,
    metrics: {} as Record<string, MetricValues>,
    reasons: [] as string[],
  }))
  for (const output of outputs) {
    const { decoder, primary } = output.type
    const { name, state } = output
    const targets = targetsOf(output, rows)
    const answers = candidates.map(({ raw }, place) => {
      const calibration = decoder.calibrate(raw[name] as Float32Array, targets, state)
      shares[place]!.calibration[name] = calibration
      return decoder.answers(raw[name] as Float32Array, calibration, state)
    })
    const alone = answers.map((answer) => {
      const outcomes = decoder.outcomes(targets, answer, state)
      return outcomes.rows > 0 ? measureAll(outcomes) : {}
    })
    const { weights, blended, best } = surely(decoder.blend(answers, targets, state), alone)
    for (const [place, share] of shares.entries()) {
      share.metrics[name] = alone[place]!
      share.weights[name] = weights[place]!
    }
    if (blended) blend[name] = decoder.calibrate(decoder.rawOf(mixed(answers, weights), state), targets, state)
    for (const [place, share] of shares.entries()) {
      share.reasons.push(reason(name, primary, shares, place, best, blended))
    }
  }
  return { shares: shares.map(({ reasons, ...share }) => ({ ...share, reason: reasons.join(' ') })), blend }
}

/**
 * The first candidate is the most trusted: another one takes its place alone only if it is no worse by log loss, so that a
 * few lucky rows do not decide.
 */
function surely(choice: Blend, alone: readonly MetricValues[]): Blend {
  const worse = (alone[choice.best]!.logLoss ?? 0) > (alone[0]!.logLoss ?? 0)
  if (choice.blended || choice.best === 0 || !worse) return choice
  return { weights: alone.map((_, place) => (place === 0 ? 1 : 0)), blended: false, best: 0 }
}

type Draft = Pick<Share, 'candidate' | 'weights' | 'metrics'>

function reason(
  output: string,
  primary: keyof MetricValues,
  shares: readonly Draft[],
  place: number,
  best: number,
  blended: boolean,
): string {
  const share = shares[place]!
  const figures = (of: Draft) => figuresOf(of.metrics[output] ?? {}, primary)
  const weight = share.weights[output]!
  if (shares.length === 1) return `${output}: the only candidate (${figures(share)}).`
  if (blended && weight > 0) {
    return `${output}: ${Math.round(100 * weight)} % of the blend, which beats each alone (${figures(share)} alone).`
  }
  if (weight > 0) return `${output}: chosen by validation (${figures(share)}); no blend was better.`
  return `${output}: left out (${figures(share)}; ${shares[best]!.candidate}: ${figures(shares[best]!)}).`
}

function figuresOf(metrics: MetricValues, primary: keyof MetricValues): string {
  const shown = [primary, 'logLoss'] as const
  const figures = shown.flatMap((name) =>
    metrics[name] === undefined ? [] : [`${name} ${metrics[name].toPrecision(4)}`],
  )
  return figures.join(', ') || 'no figure'
}

/** The answers of a blend from the raw scores of its parts. */
export function blendedAnswers(
  outputs: readonly FittedOutput[],
  parts: readonly { raw: Judged['raw']; weights: Share['weights']; calibration: Share['calibration'] }[],
  blend: Choice['blend'],
): Record<string, Float64Array> {
  return Object.fromEntries(
    outputs.map(({ name, type, state }) => {
      const { decoder } = type
      const kept = parts.filter(({ weights }) => weights[name]! > 0)
      const answers = kept.map(({ raw, calibration }) =>
        decoder.answers(raw[name] as Float32Array, calibration[name]!, state),
      )
      const mix = mixed(
        answers,
        kept.map(({ weights }) => weights[name]!),
      )
      return [name, blend[name] ? decoder.answers(decoder.rawOf(mix, state), blend[name], state) : mix]
    }),
  )
}

/** Weighted sum of answers. */
function mixed(answers: readonly Float64Array[], weights: readonly number[]): Float64Array {
  const sum = new Float64Array(answers[0]!.length)
  answers.forEach((answer, place) => {
    const weight = weights[place]!
    if (weight > 0) for (let at = 0; at < sum.length; at++) sum[at]! += weight * answer[at]!
  })
  return sum
}
