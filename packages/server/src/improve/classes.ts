import { isMissing } from '@volant/data'
import { type Datasets, VersionRows } from '../collect/index.js'
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
  /** Distinct values by folder and column; folders never change. */
  readonly #found = new Map<string, Promise<Set<string>>>()

  constructor(datasets: Datasets, testSets: TestSets) {
    this.#datasets = datasets
    this.#testSets = testSets
  }

  async of(project: Project, output: string, field: FormField | undefined): Promise<Set<string>> {
    const classes = new Set([...(field?.classes ?? []), ...(project.classes?.[output] ?? [])])
    const collected = await this.#datasets.collected(project)
    const folders = [collected && (await this.#datasets.folder(project, collected.id)), (await this.#testSets.find(project)) && (await this.#testSets.folder(project))]
    for (const folder of folders) if (folder) for (const name of await this.#valuesOf(folder, output)) classes.add(name)
    return classes
  }

  #valuesOf(folder: string, column: string): Promise<Set<string>> {
    const key = `${folder}\n${column}`
    let found = this.#found.get(key)
    if (!found) {
      found = readValues(folder, column)
      this.#found.set(key, found)
      found.catch(() => this.#found.delete(key))
      if (this.#found.size > 200) this.#found.delete(this.#found.keys().next().value!)
    }
    return found
  }
}

async function readValues(folder: string, column: string): Promise<Set<string>> {
  const version = await VersionRows.open(folder)
  const values = new Set<string>()
  if (version.columns.includes(column))
    for (const cell of await version.table.column(column)) if (!isMissing(cell) && values.size < MOST) values.add(String(cell).trim())
  await version.close()
  return values
}
