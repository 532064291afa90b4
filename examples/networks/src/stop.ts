import type { Options } from './options.js'
import { duration } from './progress.js'

/**
 * Runs a training with a signal that comes after `minutes` or at Ctrl-C. A training that was stopped so saves its checkpoint,
 * if one is asked for; this says how to go on.
 */
export async function untilStopped(
  { minutes, checkpoint }: Options,
  training: (signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const controller = new AbortController()
  const stop = () => controller.abort(new Error('stopped'))
  const timer = Number.isFinite(minutes) ? setTimeout(stop, minutes * 60_000) : undefined
  process.once('SIGINT', stop)
  const started = performance.now()
  try {
    await training(controller.signal)
  } catch (error) {
    if (!controller.signal.aborted) throw error
    const again = checkpoint ? `saved; the same command goes on from there` : 'with --checkpoint FILE it could go on'
    process.stderr.write(`stopped after ${duration((performance.now() - started) / 1000)}; ${again}\n`)
  } finally {
    clearTimeout(timer)
    process.off('SIGINT', stop)
  }
}
