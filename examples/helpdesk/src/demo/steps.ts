import { clipped } from './columns.js'
import type { OnProgress } from './desk.js'

/** How long a step must be silent before a line says how far it is, where lines cannot be redrawn. */
const quietMs = 10_000

interface StepsOptions {
  say: (text: string) => void
  /** Progress lines where nothing can be redrawn. */
  note: (text: string) => void
  live: boolean
  width: number
  left: (seconds: number) => string
}

/** Tells the steps one after another; a long one shows how far it is and the time left. */
export class Steps {
  constructor(private readonly options: StepsOptions) {}

  title(text: string): void {
    this.options.say(`\n${text}`)
  }

  say(text: string): void {
    this.options.say(`  ${text}`)
  }

  /** Runs a long step; when it is done its line stays, with the seconds it took. */
  async run<T>(title: string, work: (progress: OnProgress) => Promise<T>): Promise<T> {
    const started = Date.now()
    const show = this.options.live ? this.redrawn(title) : this.spoken(title)
    show(null, null)
    try {
      const result = await work(show)
      if (this.options.live) process.stderr.write('\r\x1b[K')
      this.options.say(`  ${title}  (${((Date.now() - started) / 1000).toFixed(1)} s)`)
      return result
    } catch (error) {
      if (this.options.live) process.stderr.write('\n')
      throw error
    }
  }

  private redrawn(title: string): OnProgress {
    return (share, secondsLeft) => {
      const line = `  ${bar(share)} ${this.far(share, secondsLeft)} ${title}`
      process.stderr.write(`\r\x1b[K${clipped(line, this.options.width - 1)}`)
    }
  }

  private spoken(title: string): OnProgress {
    let last = Date.now()
    return (share, secondsLeft) => {
      if (Date.now() - last < quietMs) return
      last = Date.now()
      this.options.note(`  ${title}: ${this.far(share, secondsLeft)}`)
    }
  }

  private far(share: number | null, secondsLeft?: number | null): string {
    const percent = share === null ? '  …' : `${Math.round(share * 100)} %`.padStart(5)
    return secondsLeft ? `${percent} ${this.options.left(secondsLeft)}` : percent
  }
}

function bar(share: number | null, width = 16): string {
  const full = Math.round((share ?? 0) * width)
  return '█'.repeat(full) + '░'.repeat(width - full)
}
