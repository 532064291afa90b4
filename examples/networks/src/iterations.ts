import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { type TrainSettings, train } from '@volant/nn'
import type { Options } from './options.js'
import { type Trained, type Training, trainUntilStopped } from './training.js'

/** A run whose length is a number of updates, over which the learning rate falls. */
export interface Planned {
  readonly training: (iterations: number) => Training
  /** Its length where no flag says one: a number of updates, or as many as are made in so many minutes. */
  readonly length: { readonly iterations: number } | { readonly minutes: number }
}

export interface PlannedResult extends Trained {
  readonly iterations: number
}

/**
 * Trains for `--iterations`, or for as many updates as this machine makes in `--minutes`. The number that the minutes came to is kept
 * in a file beside the checkpoint, so that the same command goes on with it. Undefined when stopped, see `trainUntilStopped`.
 */
export async function trainPlanned(
  { training, length }: Planned,
  options: Options,
): Promise<PlannedResult | undefined> {
  const iterations = options.iterations ?? (await planned())
  process.stderr.write(`${iterations} iterations; --iterations ${iterations} repeats them\n`)
  // The minutes have decided the iterations, so they stop nothing.
  const trained = await trainUntilStopped(training(iterations), { ...options, minutes: undefined })
  return trained && { ...trained, iterations }

  async function planned(): Promise<number> {
    const { minutes, checkpoint } = options
    const plan = minutes === undefined ? length : { minutes }
    if ('iterations' in plan) return plan.iterations
    const file = `${checkpoint}.iterations`
    if (checkpoint && existsSync(checkpoint) && existsSync(file)) return Number(readFileSync(file, 'utf8'))
    const found = await iterationsWithin(
      { ...training(1000), seed: options.seed, threads: options.threads },
      plan.minutes,
    )
    if (checkpoint) writeFileSync(file, `${found}\n`)
    return found
  }
}

const WARM_UP = 5
const TIMED = 25

/** How many updates this machine makes in so many minutes, found by making a few of them; a twentieth is kept for the validation. */
async function iterationsWithin(settings: TrainSettings, minutes: number): Promise<number> {
  let [started, ended] = [0, 0]
  await train({
    ...settings,
    maxSteps: WARM_UP + TIMED,
    validate: undefined,
    onEvent: (event) => {
      if (event.type !== 'step') return
      if (event.step === WARM_UP) started = performance.now()
      ended = performance.now()
    },
  })
  return Math.max(1, Math.floor((0.95 * minutes * 60_000 * TIMED) / (ended - started)))
}
