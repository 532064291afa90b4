import type { TuneOptions } from '@volant/models'
import { bar, timeText } from './chart.js'
import type { Terminal } from './terminal.js'

type TuneEvent = Parameters<NonNullable<TuneOptions['onEvent']>>[0]

/** Where the terminal cannot be redrawn, a line at most this often, in ms. */
const QUIET_MS = 10_000

export interface TuneProgress {
  /** Updates done so far, and of how many. */
  readonly step: number
  readonly totalSteps: number
  onEvent(event: TuneEvent): void
  end(): void
}

/** Shows a tuning as it runs: updates done, the loss of the last ones, the time left, each epoch's validation. */
export function tuneProgress(terminal: Terminal): TuneProgress {
  let said = Date.now()
  let drawn = false
  let loss = Number.NaN
  const clear = () => {
    // Back to the begin of the line, then erase to its end (ECMA-48 EL).
    if (drawn) terminal.stderr.write('\r\x1b[K')
    drawn = false
  }
  const progress = {
    step: 0,
    totalSteps: 0,
    onEvent(event: TuneEvent) {
      if (event.type === 'start') {
        ;({ step: progress.step, totalSteps: progress.totalSteps } = event)
        if (event.step > 0) terminal.note(`goes on after ${event.step} of ${event.totalSteps} updates`)
      }
      if (event.type === 'epoch') {
        clear()
        const held = event.validation ? `, of the answers held out ${event.validation.score.toFixed(4)}` : ''
        terminal.note(`epoch ${event.epoch}: loss ${event.loss.toFixed(4)}${held}`)
      }
      if (event.type !== 'step') return
      progress.step = event.step
      loss = Number.isNaN(loss) ? event.loss : 0.9 * loss + 0.1 * event.loss
      const text = `update ${event.step} of ${event.totalSteps}  loss ${loss.toFixed(3)}  ${timeText(event.secondsLeft)} left`
      if (terminal.live) {
        terminal.stderr.write(`\r\x1b[K${`${bar(event.step / event.totalSteps)} ${text}`.slice(0, terminal.width - 1)}`)
        drawn = true
      } else if (Date.now() - said > QUIET_MS) {
        said = Date.now()
        terminal.note(`  ${text}`)
      }
    },
    end: clear,
  }
  return progress
}
