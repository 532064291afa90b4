import { VolantError } from '@volant/data'
import type { FromChild, ToChild } from './child-messages.js'

export interface ChildContext {
  progress(report: unknown): void
  /** Aborts on SIGTERM; the process is killed some seconds later. */
  signal: AbortSignal
}

/** The body of a file started by `runChild`: does `work` once and ends. It also ends when the server is gone. */
export function childMain<Input>(work: (input: Input, context: ChildContext) => Promise<unknown>): void {
  const stop = new AbortController()
  process.on('SIGTERM', () => stop.abort(new VolantError('cancelled', 'The work was cancelled.')))
  // Ctrl-C in a terminal reaches the whole group; the server decides.
  process.on('SIGINT', () => {})
  process.on('disconnect', () => process.exit(1))
  process.once('message', ({ input }: ToChild) => {
    const context = { signal: stop.signal, progress: (report: unknown) => send({ type: 'progress', report }) }
    work(input as Input, context).then(
      (value) => end({ type: 'result', value }, 0),
      (error: Error) => end({ type: 'failed', error: fieldsOf(error) }, 1),
    )
  })
}

function send(message: FromChild, then: () => void = () => {}): void {
  if (process.connected) process.send!(message, undefined, undefined, then)
}

function end(message: FromChild, exitCode: number): void {
  send(message, () => process.exit(exitCode))
}

function fieldsOf(error: Error): Extract<FromChild, { type: 'failed' }>['error'] {
  const { message, stack } = error
  return error instanceof VolantError
    ? { message, stack, code: error.code, details: error.details }
    : { message, stack }
}
