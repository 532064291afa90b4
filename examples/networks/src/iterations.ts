import { type TrainSettings, train } from '@volant/nn'
import { type Options, readOptions } from './options.js'

/** The options all examples have, and `--iterations n`. */
export function readIterations(flags: readonly string[] = process.argv.slice(3)): Options & { iterations?: number } {
  const at = flags.indexOf('--iterations')
  if (at < 0) return readOptions(flags)
  const iterations = Number(flags[at + 1])
  if (!(Number.isInteger(iterations) && iterations >= 1))
    throw new Error(`--iterations: expected an integer of at least 1, found "${flags[at + 1]}"`)
  return { ...readOptions(flags.toSpliced(at, 2)), iterations }
}

const WARM_UP = 5
const TIMED = 25

/** How many updates this machine makes in so many minutes, found by making a few of them; a twentieth is kept for the validation. */
export async function iterationsWithin(settings: TrainSettings, minutes: number): Promise<number> {
  let [started, ended] = [0, 0]
  await train({
    ...settings,
    maxSteps: WARM_UP + TIMED,
    validate: undefined,
    checkpoint: undefined,
    onEvent: (event) => {
      if (event.type !== 'step') return
      if (event.step === WARM_UP) started = performance.now()
      ended = performance.now()
    },
  })
  return Math.max(1, Math.floor((0.95 * minutes * 60_000 * TIMED) / (ended - started)))
}
