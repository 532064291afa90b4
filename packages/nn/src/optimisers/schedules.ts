import { NnError } from '../errors.js'

/** The learning rate of a step (counted from 0) of a run of `total` steps. */
export type Schedule = (step: number, total: number) => number

/** The same rate in every step. */
export const constant =
  (rate: number): Schedule =>
  () =>
    rate

/**
 * Rises linearly over the first `steps` (a fraction of the run when below 1), then follows the inner schedule, which runs over
 * the remaining steps.
 */
export function warmUp(steps: number, then: Schedule): Schedule {
  if (!(steps >= 0)) throw new NnError('bad-schedule', `warmUp: steps is ${steps}, expected at least 0`, { steps })
  return (step, total) => {
    const rising = steps < 1 ? Math.round(steps * total) : steps
    if (step < rising) return (then(0, total - rising) * (step + 1)) / (rising + 1)
    return then(step - rising, Math.max(1, total - rising))
  }
}

/** Multiplies the rate by `factor` after every `every` steps (a fraction of the run when below 1). */
export const stepDecay =
  (rate: number, { every, factor }: { every: number; factor: number }): Schedule =>
  (step, total) =>
    rate * factor ** Math.floor(step / (every < 1 ? Math.max(1, every * total) : every))

/** Falls by `factor` smoothly over every `every` steps (a fraction of the run when below 1; default the whole run). */
export const exponentialDecay =
  (rate: number, { every = 0, factor }: { every?: number; factor: number }): Schedule =>
  (step, total) =>
    rate * factor ** (step / (every === 0 ? total : every < 1 ? every * total : every))

/**
 * One cycle (Smith and Topin 2018): up from `peak / start` over the first `rise` of the run, then down to `peak / start / end`,
 * both along half a cosine.
 */
export const oneCycle = (peak: number, { rise = 0.3, start = 25, end = 1e4 } = {}): Schedule => {
  const lowest = peak / start
  const between = (from: number, to: number, part: number) => from + ((to - from) * (1 - Math.cos(Math.PI * part))) / 2
  return (step, total) => {
    const last = Math.max(1, total - 1)
    const top = rise * last
    const at = Math.min(step, last)
    return at < top
      ? between(lowest, peak, at / top)
      : between(peak, lowest / end, (at - top) / Math.max(last - top, 1))
  }
}

/** Half a cosine from `rate` to `floor` (Loshchilov and Hutter 2017). */
export const cosine =
  (rate: number, { floor = 0 } = {}): Schedule =>
  (step, total) =>
    floor + ((rate - floor) * (1 + Math.cos((Math.PI * Math.min(step, total)) / Math.max(1, total)))) / 2
