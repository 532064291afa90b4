import { isMissing } from '@volant/data'
import { type Datasets, type VersionPlace, VersionRows } from '../collect/index.js'
import type { Project } from '../needs/index.js'
import type { TestSets } from '../prepare/index.js'
import type { FormField } from '../train/index.js'

/** More classes than this in a column: the rest is not remembered. */
const MOST = 10_000

/**
 * The classes a label may name: those the model knows, those the project lists, and those that occur in the collected
 * data and the frozen test set. A class may be new to the model, as long as somebody brought it in on purpose.
 */
export class KnownClasses {
  readonly #datasets: Datasets
  readonly #testSets: TestSets
  /** Distinct values by version and column; versions never change. */
  readonly #found = new Map<string, Promise<Set<string>>>()

  constructor(datasets: Datasets, testSets: TestSets) {
    this.#datasets = datasets
    this.#testSets = testSets
  }

  async of(project: Project, output: string, field: FormField | undefined): Promise<Set<string>> {
    const classes = new Set([...(field?.classes ?? []), ...(project.classes?.[output] ?? [])])
    const collected = await this.#datasets.collected(project)
    const places = [
      collected && (await this.#datasets.place(project, collected.id)),
      (await this.#testSets.find(project)) && (await this.#testSets.place(project)),
    ]
    for (const place of places) if (place) for (const name of await this.#valuesOf(place, output)) classes.add(name)
    return classes
  }

  #valuesOf(place: VersionPlace, column: string): Promise<Set<string>> {
    const key = JSON.stringify([place.id, column])
    let found = this.#found.get(key)
    if (!found) {
      found = readValues(place, column)
      this.#found.set(key, found)
      found.catch(() => this.#found.delete(key))
      if (this.#found.size > 200) this.#found.delete(this.#found.keys().next().value!)
    }
    return found
  }
}

async function readValues(place: VersionPlace, column: string): Promise<Set<string>> {
  const version = await VersionRows.open(place)
  const values = new Set<string>()
  if (version.columns.includes(column))
    for (const cell of await version.table.column(column))
      if (!isMissing(cell) && values.size < MOST) values.add(String(cell).trim())
  await version.close()
  return values
}
