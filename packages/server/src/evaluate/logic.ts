import { runChild } from '../jobs/index.js'
import type { Store } from '../store/index.js'
import type { Evaluation, Gate, Measured } from './schema.js'
import { findEvaluations } from './store.js'

/** Measurements of model versions on the frozen test set. */
export class Evaluations {
  readonly #store: Store

  constructor(store: Store) {
    this.#store = store
  }

  async of(version: string): Promise<Evaluation | null> {
    return (await this.ofAll([version])).get(version) ?? null
  }

  async ofAll(versions: string[]): Promise<Map<string, Evaluation>> {
    return findEvaluations(this.#store.db, versions)
  }

  /** Compares two evaluated versions, in a child process; null when they share no labelled output. */
  async compare(champion: string, candidate: string, signal?: AbortSignal): Promise<Gate | null> {
    const found = await findEvaluations(this.#store.db, [champion, candidate])
    const [before, now] = [found.get(champion), found.get(candidate)]
    if (!before || !now || before.testSet !== now.testSet) return null
    const read = async (hash: string) => (await this.#store.artifacts.read(hash)).toString()
    const input = { champion: await read(before.scores), candidate: await read(now.scores) }
    return (await runChild({
      entry: new URL('../../dist/evaluate/child.js', import.meta.url),
      input,
      signal,
    })) as Gate | null
  }
}

/** The primary metric of each output with its interval. */
export function primaryOf(evaluation: Evaluation): Record<string, Measured> {
  const measured = Object.entries(evaluation.primary).flatMap(([output, metric]) => {
    const value = evaluation.metrics[output]?.[metric]
    if (value === undefined) return []
    return [[output, { metric, value, interval: evaluation.intervals[output]?.[metric] ?? [value, value] }]]
  })
  return Object.fromEntries(measured) as Record<string, Measured>
}
