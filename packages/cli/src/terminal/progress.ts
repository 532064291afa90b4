import type { TrainEvent } from '@volant/fields'
import { bar, curve, timeText } from './chart.js'
import type { Terminal } from './terminal.js'

/** Rows of the live curve. */
const CURVE_ROWS = 6
/** Where the terminal cannot be redrawn, a line at most this often, in ms. */
const QUIET_MS = 10_000

/** Shows a training as it runs: what is done, the time left, and the validation curve. */
export interface TrainProgress {
  onEvent(event: TrainEvent): void
  /** Removes what was drawn live. */
  end(): void
}

export function trainProgress(terminal: Terminal): TrainProgress {
  return terminal.live ? liveProgress(terminal) : plainProgress(terminal)
}

function plainProgress(terminal: Terminal): TrainProgress {
  let said = 0
  return {
    onEvent(event) {
      if (event.kind === 'note') terminal.note(`note: ${event.message}`)
      if (event.kind === 'phase') {
        terminal.note(`${event.phase}: ${event.message}`)
        said = Date.now()
      }
      if (event.kind === 'progress' && Date.now() - said > QUIET_MS) {
        said = Date.now()
        terminal.note(`  ${Math.round(event.fraction * 100)} %${left(event.secondsLeft)}`)
      }
    },
    end() {},
  }
}

function liveProgress(terminal: Terminal): TrainProgress {
  let drawn = 0
  let message = ''
  let fraction = 0
  let secondsLeft: number | null = null
  let candidate = ''
  let metric = ''
  let points: number[] = []

  const clear = () => {
    // Up to the first drawn line, then erase to the end of the screen (ECMA-48 CUU, ED).
    if (drawn) terminal.stderr.write(`\r\x1b[${drawn}A\x1b[J`)
    drawn = 0
  }
  const draw = () => {
    const lines = [
      `${bar(fraction)} ${String(Math.round(fraction * 100)).padStart(3)} %${left(secondsLeft)}  ${message}`,
    ]
    if (points.length > 1) {
      lines.push(`${candidate}: ${metric} on validation rows, ${points.length} epochs`)
      lines.push(...curve(points, { width: Math.max(20, terminal.width - 12), height: CURVE_ROWS }))
    }
    clear()
    terminal.stderr.write(`${lines.map((line) => line.slice(0, terminal.width)).join('\n')}\n`)
    drawn = lines.length
  }

  return {
    onEvent(event) {
      if (event.kind === 'note') {
        clear()
        terminal.note(`note: ${event.message}`)
      } else if (event.kind === 'phase') {
        message = event.message
        ;({ fraction, secondsLeft } = event)
      } else if (event.kind === 'progress') {
        ;({ fraction, secondsLeft } = event)
      } else if (event.kind === 'metric') {
        const name = `${event.output} ${event.metric}`
        if (event.candidate !== candidate || name !== metric) points = []
        candidate = event.candidate
        metric = name
        points.push(event.value)
      }
      draw()
    },
    end: clear,
  }
}

function left(seconds: number | null): string {
  return seconds === null ? '' : `  ${timeText(seconds)} left`
}
