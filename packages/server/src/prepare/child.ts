/** The child process that profiles a dataset version: reading all of it would hold up the server. */
import { profile } from '@volant/data'
import { type VersionPlace, VersionRows } from '../collect/index.js'
import { childMain } from '../jobs/index.js'

export interface Profiling {
  dataset: VersionPlace
  test: VersionPlace | null
  outputs: string[]
}

childMain<Profiling>(async ({ dataset, test, outputs }) => {
  const [version, frozen] = [await VersionRows.open(dataset), test && (await VersionRows.open(test))]
  const targets = outputs.filter((name) => version.columns.includes(name))
  const found = await profile(version.table, { targets, ...(frozen && { test: frozen.table }) })
  await version.close()
  await frozen?.close()
  return found
})
