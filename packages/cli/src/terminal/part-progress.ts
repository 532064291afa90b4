import { bar } from './chart.js'
import type { Terminal } from './terminal.js'

/** Where the terminal cannot be redrawn, a line at most this often, in ms. */
const QUIET_MS = 10_000

/** Shows how much of something is done. */
export function partProgress(terminal: Terminal): { show(fraction: number, what: string): void; end(): void } {
  let said = Date.now()
  let drawn = false
  return {
    show(fraction, what) {
      const percent = `${Math.round(fraction * 100)} %`
      if (terminal.live) {
        // Back to the begin of the line, then erase to its end (ECMA-48 EL).
        terminal.stderr.write(
          `\r\x1b[K${`${bar(fraction)} ${percent.padStart(5)}  ${what}`.slice(0, terminal.width - 1)}`,
        )
        drawn = true
      } else if (Date.now() - said > QUIET_MS) {
        said = Date.now()
        terminal.note(`  ${percent}  ${what}`)
      }
    },
    end() {
      if (drawn) terminal.stderr.write('\r\x1b[K')
      drawn = false
    },
  }
}
