import { createHash } from 'node:crypto'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TrainSettings, train } from '@volant/nn'
import type { TokenRows } from './rows.js'

/** Updates that are timed, after some that are slower since all is new. */
const timed = { first: 4, count: 6 }
/** A row is validated in this share of the time that it is learnt in. */
const validationShare = 0.4

/** How many updates a time has room for, from the time that a few take; their weights are thrown away. */
async function measuredSteps(
  settings: TrainSettings,
  { seconds, rows, held }: { seconds: number; rows: number; held: number },
): Promise<number> {
  const started = performance.now()
  const times: number[] = []
  const { validate: _, checkpoint: __, ...only } = settings
  await train({
    ...only,
    maxSteps: timed.first + timed.count,
    epochs: timed.first + timed.count,
    onEvent: (event) => {
      if (event.type === 'step') times.push(performance.now())
    },
  })
  const step = (times.at(-1)! - times.at(-1 - timed.count)!) / 1000 / timed.count
  const left = seconds - (performance.now() - started) / 1000
  return Math.max(1, Math.floor(left / (step * (1 + (validationShare * held) / rows))))
}

/** What a run is known by: its data and settings. */
export function keyOf(rows: readonly TokenRows[], others: unknown): string {
  const hash = createHash('sha256').update(JSON.stringify(others))
  for (const { ids, starts } of rows) hash.update(ids).update(Int32Array.from(starts))
  return hash.digest('hex')
}

/**
 * How many updates the minutes have room for; kept in the folder `state`, so that a run that was stopped and goes on makes as many.
 */
export async function plannedSteps(
  settings: TrainSettings,
  sizes: { readonly seconds: number; readonly rows: number; readonly held: number },
  { state, key, onTiming }: { readonly state: string | undefined; readonly key: string; readonly onTiming: () => void },
): Promise<number> {
  const measure = () => {
    onTiming()
    return measuredSteps(settings, sizes)
  }
  if (state === undefined) return measure()
  const file = join(state, 'plan.json')
  // There is none yet, or one that was being written when the program was killed, before the first update.
  const known = await readFile(file, 'utf8')
    .then(JSON.parse)
    .catch(() => undefined)
  if (known?.key === key) return known.steps
  const steps = await measure()
  await mkdir(state, { recursive: true })
  await writeFile(file, JSON.stringify({ key, steps }))
  return steps
}
