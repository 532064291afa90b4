import { type TrainResult, type TrainSettings, train } from '@volant/nn'
import type { Options } from './options.js'
import { progress } from './progress.js'

/** A training but for what the flags decide. */
export type Training = Omit<TrainSettings, 'seed' | 'threads' | 'checkpoint' | 'signal' | 'onEvent'>

export interface Trained extends TrainResult {
  /** Updates that were made before, by a run that this one went on from. */
  readonly from: number
}

/** Updates between two savings. */
const EVERY = 200
/** Milliseconds that a timer can wait. */
const LONGEST = 2 ** 31 - 1

/**
 * Trains and tells how it goes. `minutes` after the start of the command, or at Ctrl-C, it stops, with a checkpoint if one is asked
 * for; then it says how to go on, and the result is undefined.
 */
export async function trainUntilStopped(
  training: Training,
  { seed, threads, checkpoint: file, minutes = Number.POSITIVE_INFINITY }: Options,
): Promise<Trained | undefined> {
  const controller = new AbortController()
  const stop = () => controller.abort()
  const timer = setTimeout(stop, Math.min(minutes * 60_000 - performance.now(), LONGEST))
  process.once('SIGINT', stop)
  const say = progress()
  let [from, saved] = [0, 0]
  try {
    const result = await train({
      ...training,
      seed,
      threads,
      checkpoint: file === undefined ? undefined : { file, every: EVERY },
      signal: controller.signal,
      onEvent(event) {
        if (event.type === 'start') from = saved = event.step
        else if (event.type === 'checkpoint') saved = event.step
        say(event)
      },
    })
    return { ...result, from }
  } catch (error) {
    if (error !== controller.signal.reason) throw error
    const kept = saved > 0 ? `the same command goes on from step ${saved}` : 'nothing is saved yet'
    process.stderr.write(`stopped; ${file ? kept : 'with --checkpoint FILE it could go on'}\n`)
    return undefined
  } finally {
    clearTimeout(timer)
    process.off('SIGINT', stop)
  }
}
