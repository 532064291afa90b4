import type { PullProgress } from '@volant/models'
import { bar, sizeText, timeText } from './chart.js'
import type { Terminal } from './terminal.js'

/** Where the terminal cannot be redrawn, a line at most this often, in ms. */
const QUIET_MS = 10_000

/** Shows a download as it runs: what is there, how fast it comes, the time left. */
export function pullProgress(terminal: Terminal): { onProgress(progress: PullProgress): void; end(): void } {
  let said = Date.now()
  let drawn = false
  return {
    onProgress(progress) {
      if (terminal.live) {
        const fraction = progress.total > 0 ? progress.bytes / progress.total : 1
        // Back to the begin of the line, then erase to its end (ECMA-48 EL).
        terminal.stderr.write(`\r\x1b[K${`${bar(fraction)} ${described(progress)}`.slice(0, terminal.width - 1)}`)
        drawn = true
      } else if (Date.now() - said > QUIET_MS) {
        said = Date.now()
        terminal.note(`  ${described(progress)}`)
      }
    },
    end() {
      if (drawn) terminal.stderr.write('\r\x1b[K')
      drawn = false
    },
  }
}

function described({ file, bytes, total, bytesPerSecond, secondsLeft }: PullProgress): string {
  const left = secondsLeft === null ? '' : `  ${timeText(secondsLeft)} left`
  return `${sizeText(bytes)} of ${sizeText(total)}  ${sizeText(Math.round(bytesPerSecond))}/s${left}  ${file}`
}
