import type { Counts } from './metric.js'
import type { Outcomes } from './outcomes.js'
import { gain } from './primary.js'
import { type MetricName, measureAll, metricVisits, prepareMetric } from './table.js'

export interface BootstrapOptions {
  /** Same seed, same interval. Default 42. */
  seed?: number
  /** Resamples; default 1000, fewer (at least 100) where rows are so many that the interval is narrow anyway. */
  resamples?: number
}

/** [low, high] of a 95 % interval. */
export type Interval = [low: number, high: number]

const LOW = 0.025
const HIGH = 0.975
/** Row visits one metric's interval may cost (some tenths of a second); beyond, fewer resamples, at last none. */
const VISITS = 4e7
const FEWEST = 100

/**
 * 95 % percentile intervals of all defined metrics (Efron & Tibshirani 1993, chapter 13): rows are drawn with
 * replacement, every metric sees the same draws. A metric too costly to resample has no interval.
 */
export function bootstrapIntervals(
  outcomes: Outcomes,
  options: BootstrapOptions = {},
): Partial<Record<MetricName, Interval>> {
  const metrics = (Object.keys(measureAll(outcomes)) as MetricName[])
    .map((name) => ({
      name,
      resamples: resamplesFor(metricVisits(name, outcomes), options),
      evaluate: prepareMetric(name, outcomes),
      values: [] as number[],
    }))
    .filter(({ resamples }) => resamples > 0)
  const draws = Math.max(0, ...metrics.map(({ resamples }) => resamples))
  resample(outcomes.rows, draws, options.seed, (counts, draw) => {
    for (const metric of metrics) if (draw < metric.resamples) metric.values.push(metric.evaluate(counts))
  })
  return Object.fromEntries(metrics.map(({ name, values }) => [name, intervalOf(values)]))
}

export interface PairedDifference {
  /** Gain of the candidate over the champion; positive is better, also where lower values are (rmse, log loss). */
  difference: number
  /** 95 % interval of the gain. */
  low: number
  high: number
  /** Values of the metric itself. */
  candidate: number
  champion: number
  rows: number
}

/**
 * Compares two models on the same rows: both are measured on the same resamples, so what is hard for both cancels out.
 * The promotion gate asks for `low > 0`. Efron & Tibshirani 1993; for NLP Berg-Kirkpatrick et al. 2012.
 *
 * @throws RangeError when the outcomes are not of the same rows
 */
export function pairedBootstrap(
  candidate: Outcomes,
  champion: Outcomes,
  metric: MetricName,
  options: BootstrapOptions = {},
): PairedDifference {
  const { rows } = candidate
  if (rows !== champion.rows)
    throw new RangeError(`Paired bootstrap: expected the same rows, found ${rows} and ${champion.rows}`)
  const ofCandidate = prepareMetric(metric, candidate)
  const ofChampion = prepareMetric(metric, champion)
  const plain = new Uint16Array(rows).fill(1)
  const values = { candidate: ofCandidate(plain), champion: ofChampion(plain) }
  const gains: number[] = []
  const resamples = Math.max(FEWEST, resamplesFor(metricVisits(metric, candidate) * 2, options))
  resample(rows, resamples, options.seed, (counts) => {
    gains.push(gain(metric, ofCandidate(counts), ofChampion(counts)))
  })
  const [low, high] = intervalOf(gains)
  return { difference: gain(metric, values.candidate, values.champion), low, high, ...values, rows }
}

function resamplesFor(visits: number, { resamples = 1000 }: BootstrapOptions): number {
  const affordable = Math.floor(VISITS / Math.max(1, visits))
  if (affordable >= resamples) return resamples
  return affordable >= FEWEST / 10 ? Math.min(resamples, Math.max(FEWEST, affordable)) : 0
}

/** Draws `rows` rows with replacement, `draws` times, and hands over how often each was drawn. */
export function resample(rows: number, draws: number, seed = 42, use: (counts: Counts, draw: number) => void): void {
  const next = sfc32(seed)
  const counts = new Uint16Array(rows)
  const scale = rows / 2 ** 32
  for (let draw = 0; draw < draws; draw++) {
    counts.fill(0)
    for (let i = 0; i < rows; i++) counts[(next() * scale) | 0]!++
    use(counts, draw)
  }
}

/** Percentiles with linear interpolation over the defined values. */
export function intervalOf(values: number[]): Interval {
  const sorted = Float64Array.from(values.filter((value) => !Number.isNaN(value))).sort()
  const at = (share: number) => {
    const place = share * (sorted.length - 1)
    const below = sorted[Math.floor(place)]!
    return below + (sorted[Math.ceil(place)]! - below) * (place % 1)
  }
  return [at(LOW), at(HIGH)]
}

/** Small fast counting generator of uint32, period at least 2^32 (Chris Doty-Humphrey, PractRand). */
function sfc32(seed: number): () => number {
  let a = seed | 0
  let b = 0x9e3779b9 | 0
  let c = 0x243f6a88 | 0
  let counter = 1
  const next = () => {
    const t = (((a + b) | 0) + counter) | 0
    counter = (counter + 1) | 0
    a = b ^ (b >>> 9)
    b = (c + (c << 3)) | 0
    c = (c << 21) | (c >>> 11)
    c = (c + t) | 0
    return t >>> 0
  }
  for (let i = 0; i < 16; i++) next()
  return next
}
