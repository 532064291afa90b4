import { NnError } from '../errors.js'
import type { Schedule } from '../optimisers/schedules.js'
import type { TrainSettings } from './settings.js'
import { train } from './train.js'

export interface RateRange {
  /** First and last learning rate, default 1e-7 and 1. */
  readonly from?: number
  readonly to?: number
  /** Updates in between, default 100. */
  readonly steps?: number
}

export interface RatePoint {
  readonly learningRate: number
  readonly loss: number
  /** Exponential mean of the losses so far, corrected for its start. */
  readonly smoothed: number
}

export interface RateCurve {
  /** Ends where the loss has run away. */
  readonly points: readonly RatePoint[]
  /** The rate at which the smoothed loss falls fastest, over the logarithm of the rate: a good peak of a schedule. */
  readonly suggestion: number
}

/** How much of the former mean a loss leaves. */
const MEMORY = 0.9
/** The loss has run away when it is this many times the least. */
const RUNAWAY = 4

/**
 * Learning-rate range test (Smith 2017): trains for a few updates while the rate rises exponentially, until the loss runs away or
 * the last rate is reached. The settings are those of a training; its schedule, epochs, validation and checkpoint are not used.
 * Throws NnError `bad-range`, `no-rate` when the loss fell at no rate, and as `train`.
 */
export async function findLearningRate(
  settings: Omit<TrainSettings, 'schedule' | 'epochs'>,
  { from = 1e-7, to = 1, steps = 100 }: RateRange = {},
): Promise<RateCurve> {
  if (!(from > 0 && to > from && Number.isInteger(steps) && steps >= 10))
    throw new NnError(
      'bad-range',
      `findLearningRate: from ${from} to ${to} in ${steps} steps; expected 0 < from < to and at least 10 steps`,
      { from, to, steps },
    )
  const schedule: Schedule = (step) => from * (to / from) ** (step / (steps - 1))
  const points: RatePoint[] = []
  const stop = new AbortController()
  let mean = 0
  const signal = settings.signal ? AbortSignal.any([settings.signal, stop.signal]) : stop.signal
  const { validate: _, earlyStopping: __, checkpoint: ___, ...rest } = settings
  const course = train({
    ...rest,
    schedule,
    epochs: steps,
    maxSteps: steps,
    signal,
    onEvent: (event) => {
      settings.onEvent?.(event)
      if (event.type !== 'step') return
      const { learningRate, loss } = event
      mean = MEMORY * mean + (1 - MEMORY) * loss
      const smoothed = mean / (1 - MEMORY ** (points.length + 1))
      points.push({ learningRate, loss, smoothed })
      const least = Math.min(...points.map((point) => point.smoothed))
      if (points.length >= 10 && smoothed > RUNAWAY * Math.abs(least)) stop.abort()
    },
  })
  await course.catch((error) => {
    const ranAway = stop.signal.aborted || (error as NnError).code === 'not-finite'
    if (!ranAway || settings.signal?.aborted) throw error
  })
  return { points, suggestion: steepest(points) }
}

/** The rate in the middle of the steepest fall before the least loss. */
function steepest(points: readonly RatePoint[]): number {
  const least = points.reduce((best, { smoothed }, i) => (smoothed < points[best]!.smoothed ? i : best), 0)
  let best = -1
  let slope = 0
  for (let i = 1; i < least; i++) {
    const fall = points[i - 1]!.smoothed - points[i + 1]!.smoothed
    if (fall > slope) [best, slope] = [i, fall]
  }
  if (best < 0)
    throw new NnError('no-rate', 'findLearningRate: the loss fell at no learning rate; begin with a smaller one', {
      first: points[0],
    })
  return points[best]!.learningRate
}
