import { type Datasets, fieldsOf } from '../collect/index.js'
import { runChild } from '../jobs/index.js'
import type { Project } from '../needs/index.js'
import type { Profiling } from './child.js'
import type { TestSets } from './logic.js'
import { maskJson } from './mask.js'

/** Profiles kept in memory. */
const KEPT = 50

/** What a dataset version looks like: types, gaps, balance, duplicates, leakage, overlap with the test set. */
export class Profiles {
  readonly #datasets: Datasets
  readonly #testSets: TestSets
  readonly #kept = new Map<string, Promise<Record<string, unknown>>>()

  constructor(datasets: Datasets, testSets: TestSets) {
    this.#datasets = datasets
    this.#testSets = testSets
  }

  /** The profile with contacts masked; made in a child process, once per version and test set. */
  async of(project: Project, dataset: string): Promise<{ dataset: string; profile: Record<string, unknown> }> {
    const { id } = await this.#datasets.get(project, dataset)
    const test = (await this.#testSets.find(project)) ? await this.#testSets.place(project) : null
    const input: Profiling = {
      dataset: await this.#datasets.place(project, id),
      test,
      outputs: Object.keys(fieldsOf(project, 'outputs')),
    }
    const key = JSON.stringify(input)
    let profile = this.#kept.get(key)
    if (!profile) {
      profile = runChild({ entry: new URL('../../dist/prepare/child.js', import.meta.url), input }).then(
        (found) => maskJson(found) as Record<string, unknown>,
      )
      this.#kept.set(key, profile)
      profile.catch(() => this.#kept.delete(key))
      if (this.#kept.size > KEPT) this.#kept.delete(this.#kept.keys().next().value!)
    }
    return { dataset: id, profile: await profile }
  }
}
