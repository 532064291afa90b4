// A contestant runs in a process of its own: it prepares, says it is ready, then takes a turn of STEPS steps for every line it reads.
import { createInterface } from 'node:readline'

const steps = Number(process.env.STEPS)

/**
 * `prepare()` resolves to a function that makes one step and resolves to its loss (or nothing), or to `{ given, step }`: what
 * `given()` returns is made before the turn and handed to the step.
 */
export async function contest(prepare) {
  const say = (message) => process.stdout.write(`${JSON.stringify(message)}\n`)
  try {
    const prepared = await prepare()
    const { given, step } = typeof prepared === 'function' ? { given: () => {}, step: prepared } : prepared
    say({ ready: true })
    for await (const _ of createInterface({ input: process.stdin })) {
      const all = Array.from({ length: steps }, given)
      const started = performance.now()
      let loss
      for (const one of all) loss = await step(one)
      say({ ms: (performance.now() - started) / steps, loss })
    }
    process.exit(0)
  } catch (error) {
    say({ failed: String(error?.message ?? error) })
    process.exit(1)
  }
}
