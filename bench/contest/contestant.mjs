// A contestant runs in a process of its own: it prepares, says it is ready, then makes one step for every line it reads.
import { createInterface } from 'node:readline'

/** `prepare()` resolves to a function that makes one step and resolves to its loss (or nothing). */
export async function contest(prepare) {
  const say = (message) => process.stdout.write(`${JSON.stringify(message)}\n`)
  try {
    const step = await prepare()
    say({ ready: true })
    for await (const _ of createInterface({ input: process.stdin })) {
      const started = performance.now()
      const loss = await step()
      say({ ms: performance.now() - started, loss })
    }
    process.exit(0)
  } catch (error) {
    say({ failed: String(error?.message ?? error) })
    process.exit(1)
  }
}
