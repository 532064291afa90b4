import { bar, timeText } from './chart.js'
import type { Terminal } from './terminal.js'

/** Where the terminal cannot be redrawn, a line at most this often, in ms. */
const QUIET_MS = 10_000

/** Shows one piece of long work after another: its name, how much is done, the time left. */
export interface TaskProgress {
  /** Work begins; where the terminal cannot be redrawn, a line. */
  enter(name: string): void
  /** @param fraction 0 … 1 of this work @param detail such as the loss */
  advance(fraction: number, detail?: string): void
  /** Removes what was drawn live. */
  end(): void
}

export function taskProgress(terminal: Terminal): TaskProgress {
  let name = ''
  let started = 0
  let said = 0
  let drawn = false
  return {
    enter(next) {
      name = next
      started = said = Date.now()
      if (!terminal.live) terminal.note(next)
    },
    advance(fraction, detail = '') {
      const seconds = (Date.now() - started) / 1000
      const left = fraction > 0 && seconds > 1 ? `  ${timeText((seconds / fraction) * (1 - fraction))} left` : ''
      const told = `${Math.round(fraction * 100)} %${left}${detail && `  ${detail}`}`
      if (terminal.live) {
        // Back to the begin of the line, then erase to its end (ECMA-48 EL).
        terminal.stderr.write(`\r\x1b[K${`${bar(fraction)} ${told}  ${name}`.slice(0, terminal.width - 1)}`)
        drawn = true
      } else if (Date.now() - said > QUIET_MS) {
        said = Date.now()
        terminal.note(`  ${told}`)
      }
    },
    end() {
      if (drawn) terminal.stderr.write('\r\x1b[K')
      drawn = false
    },
  }
}
