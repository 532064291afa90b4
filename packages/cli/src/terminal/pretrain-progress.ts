import type { PretrainEvent } from '@volant/models'
import { bar, curve, timeText } from './chart.js'
import type { Terminal } from './terminal.js'

/** Rows of the live curve, and of how many means of the training loss it is made. */
const CURVE_ROWS = 6
const CURVE_POINTS = 100
/** Where the terminal cannot be redrawn, a line at most this often, in ms. */
const QUIET_MS = 10_000

type Step = Extract<PretrainEvent, { type: 'step' }>

export interface PretrainProgress {
  onEvent(event: PretrainEvent): void
  /** Removes what was drawn live. */
  end(): void
}

/** Shows a pre-training as it runs: what is read, updates done, the time left, the curve of the training loss, each validation. */
export function pretrainProgress(terminal: Terminal): PretrainProgress {
  const screen = linesOf(terminal)
  const losses = new LossCurve()
  let phase = ''
  const enter = (next: string) => {
    if (phase !== next) screen.say(next)
    phase = next
  }
  return {
    onEvent(event) {
      if (event.type === 'tokeniser') {
        const { phase: part, done, total } = event.progress
        enter('Training the tokeniser')
        screen.draw([
          `${phase}: ${done}${total === undefined ? '' : ` of ${total}`} ${part === 'words' ? 'texts' : part}`,
        ])
      } else if (event.type === 'texts') {
        enter('Reading the texts')
        screen.draw([`${phase}: ${event.done} texts`])
      } else if (event.type === 'timing') enter('Timing some updates')
      else if (event.type === 'start' && event.step > 0)
        screen.say(`Goes on after ${event.step} of ${event.totalSteps} updates`)
      else if (event.type === 'epoch')
        screen.say(
          `Update ${event.step}: loss ${event.loss.toFixed(4)}, of the rows held out ${event.validation!.score.toFixed(4)}`,
        )
      else if (event.type === 'step') {
        losses.add(event)
        screen.draw([stepText(event, terminal.live), ...losses.drawn(terminal.width)])
      }
    },
    end: screen.clear,
  }
}

function stepText({ step, totalSteps, loss, secondsLeft }: Step, live: boolean): string {
  const text = `update ${step} of ${totalSteps}  loss ${loss.toFixed(3)}  ${timeText(secondsLeft)} left`
  return live ? `${bar(step / totalSteps)} ${text}` : `  ${text}`
}

/** The training loss, a mean for every hundredth of the updates. */
class LossCurve {
  readonly #means: number[] = []
  #losses: number[] = []

  add({ step, totalSteps, loss }: Step): void {
    this.#losses.push(loss)
    if (Math.floor((step * CURVE_POINTS) / totalSteps) === Math.floor(((step - 1) * CURVE_POINTS) / totalSteps)) return
    this.#means.push(this.#losses.reduce((sum, one) => sum + one, 0) / this.#losses.length)
    this.#losses = []
  }

  drawn(width: number): string[] {
    if (this.#means.length < 2) return []
    return ['training loss', ...curve(this.#means, { width: Math.max(20, width - 12), height: CURVE_ROWS })]
  }
}

/** Lines that are drawn again and again below those that are said once. */
function linesOf(terminal: Terminal) {
  let drawn = 0
  let said = Date.now()
  const clear = () => {
    // Up to the first drawn line, then erase to the end of the screen (ECMA-48 CUU, ED).
    if (drawn > 0) terminal.stderr.write(`\r\x1b[${drawn}A\x1b[J`)
    drawn = 0
  }
  return {
    clear,
    say(line: string) {
      clear()
      said = Date.now()
      terminal.note(line)
    },
    /** Where the terminal cannot be redrawn, the first of them, from time to time. */
    draw(lines: readonly string[]) {
      if (terminal.live) {
        clear()
        terminal.stderr.write(`${lines.map((line) => line.slice(0, terminal.width)).join('\n')}\n`)
        drawn = lines.length
      } else if (Date.now() - said > QUIET_MS) {
        said = Date.now()
        terminal.note(lines[0]!)
      }
    },
  }
}
