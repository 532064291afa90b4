/** What a command writes to, and the signal that Ctrl-C aborts. */
export interface Terminal {
  /** Results: one line or document on stdout. */
  print(text: string): void
  /** A piece of a result on stdout, as it is found. */
  write(text: string): void
  /** Progress, notes and logs: stderr. */
  note(text: string): void
  /** Is stderr a terminal that can be redrawn? */
  live: boolean
  /** Characters a line. */
  width: number
  stderr: NodeJS.WritableStream
  signal: AbortSignal
}

/** npm and timeout pass on what the terminal sends to all of them: within so many ms it is the same Ctrl-C. */
const samePress = 1000

/** The terminal of this process. A first Ctrl-C aborts `signal`; a second one ends the process at once. */
export function processTerminal(): Terminal {
  const controller = new AbortController()
  let first = 0
  const stop = (name: 'SIGINT' | 'SIGTERM') => {
    if (!controller.signal.aborted) {
      first = performance.now()
      controller.abort(new Stopped())
    } else if (performance.now() - first > samePress) {
      // By the signal itself: an exit would wait for threads in the middle of a computation, and take them down with an error.
      process.removeAllListeners(name)
      process.kill(process.pid, name)
    }
  }
  process.on('SIGINT', () => stop('SIGINT'))
  process.on('SIGTERM', () => stop('SIGTERM'))
  return {
    print: (text) => void process.stdout.write(`${text}\n`),
    write: (text) => void process.stdout.write(text),
    note: (text) => void process.stderr.write(`${text}\n`),
    live: Boolean(process.stderr.isTTY) && !process.env['CI'],
    width: Math.min(process.stderr.columns ?? 100, 120),
    stderr: process.stderr,
    signal: controller.signal,
  }
}

/** The person pressed Ctrl-C. */
export class Stopped extends Error {
  override name = 'Stopped'
  constructor() {
    super('stopped; nothing half-done was kept')
  }
}
