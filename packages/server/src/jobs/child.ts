import { type ChildProcess, fork } from 'node:child_process'
import os from 'node:os'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { VolantError } from '@volant/data'
import type { FromChild, ToChild } from './child-messages.js'

export interface ChildOptions {
  /** The compiled file to run (`dist/…-child.js`); it calls `childMain`. */
  entry: URL
  /** What the child works on; copied by structured clone. */
  input: unknown
  signal?: AbortSignal
  onProgress?: (report: unknown) => void
  /** Each line the child prints. */
  onLog?: (line: string) => void
  env?: Record<string, string>
  /** How long a cancelled child may take to end by itself before it is killed. */
  graceMs?: number
  /** Lower priority than the server's: 0 none, 19 lowest. */
  niceness?: number
}

const tailLines = 100

/**
 * Runs heavy work in a process of its own, so that the server stays responsive, and returns the child's result.
 * Throws the child's own VolantError as it is, `child-failed` for other errors in it, `child-lost` when it ended
 * without an answer ({exitCode, signal, log: its last 100 lines}), and the signal's reason after a cancellation.
 */
export async function runChild(options: ChildOptions): Promise<unknown> {
  const { entry, input, signal, onProgress, onLog, env, graceMs = 5000, niceness = 5 } = options
  signal?.throwIfAborted()
  const child = fork(fileURLToPath(entry), [], {
    execArgv: [],
    serialization: 'advanced',
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    env: { ...process.env, ...env },
  })
  const tail = keepTail(child, onLog)
  let answer: FromChild | undefined
  child.on('message', (message: FromChild) => {
    if (message.type === 'progress') onProgress?.(message.report)
    else answer = message
  })
  const cancel = (): void => {
    child.kill('SIGTERM')
    setTimeout(() => child.kill('SIGKILL'), graceMs).unref()
  }
  signal?.addEventListener('abort', cancel)
  try {
    const ended = new Promise<Ended>((resolve, reject) => {
      child.once('error', reject)
      child.once('close', (exitCode, killedBy) => resolve({ exitCode, killedBy }))
    })
    if (child.pid !== undefined) lowerPriority(child.pid, niceness)
    // A child that died at once cannot be written to; `close` tells.
    child.send({ type: 'start', input } satisfies ToChild, () => {})
    const end = await ended
    if (answer?.type === 'result') return answer.value
    signal?.throwIfAborted()
    throw answer?.type === 'failed' ? failed(answer, tail) : lost(end, tail)
  } finally {
    signal?.removeEventListener('abort', cancel)
  }
}

interface Ended {
  exitCode: number | null
  killedBy: NodeJS.Signals | null
}

function keepTail(child: ChildProcess, onLog?: (line: string) => void): string[] {
  const tail: string[] = []
  for (const stream of [child.stdout!, child.stderr!]) {
    createInterface({ input: stream }).on('line', (line) => {
      tail.push(line)
      if (tail.length > tailLines) tail.shift()
      onLog?.(line)
    })
  }
  return tail
}

function lowerPriority(pid: number, niceness: number): void {
  try {
    os.setPriority(pid, niceness)
  } catch {
    // Not allowed everywhere, and gone already when the child died at once: it then runs, or ends, as it is.
  }
}

function failed({ error }: Extract<FromChild, { type: 'failed' }>, tail: string[]): VolantError {
  if (error.details) return new VolantError(error.code ?? 'child-failed', error.message, error.details)
  const cause = Object.assign(new Error(error.message), { stack: error.stack })
  return new VolantError('child-failed', error.message, { log: tail }, { cause })
}

function lost({ exitCode, killedBy }: Ended, tail: string[]): VolantError {
  const how = killedBy ? `was killed (${killedBy})` : `ended with code ${exitCode}`
  const why = killedBy === 'SIGKILL' ? ', perhaps because memory ran out' : ''
  const last = tail.at(-1)
  const sentence = `The process that did the work ${how} without a result${why}.${last ? ` Its last line: ${last}` : ''}`
  return new VolantError('child-lost', sentence, { exitCode, signal: killedBy, log: tail })
}
