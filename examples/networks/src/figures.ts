import { parameterCount } from '@volant/nn'
import type { Trained } from './training.js'

export const rounded = (x: number, digits = 4): number => Number(x.toFixed(digits))

/**
 * Prints the figures of a run as a line of JSON, and what all have: parameters, minutes since the start of this command, the update
 * it went on from if it did, seed.
 */
export function printFigures(
  figures: Readonly<Record<string, string | number>>,
  { model, trained: { from }, seed }: { model: object; trained: Pick<Trained, 'from'>; seed: number },
): void {
  const common = {
    parameters: parameterCount(model),
    minutes: rounded(performance.now() / 60_000, 1),
    ...(from > 0 ? { fromStep: from } : {}),
    seed,
  }
  process.stdout.write(`${JSON.stringify({ ...figures, ...common })}\n`)
}
