import { turn } from '#platform'

const SLICE_MS = 30

/**
 * Runs a long calculation, written as a generator that yields between its passes, to its end; gives the event loop a turn
 * every 30 ms and stops with the signal's reason when aborted.
 */
export async function cooperate<T>(
  calculation: Generator<number | undefined, T>,
  options: Cooperation = {},
): Promise<T> {
  let since = performance.now()
  for (;;) {
    options.signal?.throwIfAborted()
    const step = calculation.next()
    if (step.done) return step.value
    if (typeof step.value === 'number') options.onProgress?.({ fraction: step.value })
    if (performance.now() - since < SLICE_MS) continue
    await turn()
    since = performance.now()
  }
}

export interface Cooperation {
  readonly signal?: AbortSignal
  /** `fraction` in 0 … 1 is an estimate of the work done. */
  readonly onProgress?: (progress: { fraction: number }) => void
}
