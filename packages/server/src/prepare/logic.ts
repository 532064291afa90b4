import { rm } from 'node:fs/promises'
import { type Cell, duplicateKeys, isMissing, split, VolantError } from '@volant/data'
import {
  checkColumns,
  type DataRow,
  type Datasets,
  fieldsOf,
  inputsKey,
  type Received,
  type Rejected,
  readReceived,
  rowsFolder,
  type Upload,
  type VersionPlace,
  VersionRows,
  withOrigin,
  writeRows,
} from '../collect/index.js'
import { refuse } from '../errors.js'
import type { Events } from '../events.js'
import type { Project } from '../needs/index.js'
import { newId, type Store } from '../store/index.js'
import type { NewTestSet, TestSet } from './schema.js'
import { findTestSet, insertTestSet, type TestSetRecord } from './store.js'

/** Fewer labelled rows than this cannot be parted into training and test. */
const FEWEST = 10

/** The frozen test set of each project. It is defined once; rows equal to one of its rows never train a model. */
export class TestSets {
  readonly #store: Store
  readonly #events: Events
  /** Keys of the rows, per test set and inputs; a test set never changes. */
  readonly #keys = new Map<string, Promise<Set<string>>>()

  constructor(store: Store, events: Events) {
    this.#store = store
    this.#events = events
  }

  /** Throws `unknown-test-set`. */
  async get(project: Project): Promise<TestSet> {
    const found = await this.find(project)
    if (!found)
      throw refuse(
        'unknown-test-set',
        `The project "${project.id}" has no frozen test set yet; the first run makes one.`,
      )
    return found
  }

  async find(project: Project): Promise<TestSet | null> {
    const record = await findTestSet(this.#store.db, project.id)
    return record ? view(record, project) : null
  }

  /** Freezes a share of a dataset version's labelled rows, stratified by the outputs, equal rows on one side. */
  async freezeShare(
    project: Project,
    datasets: Datasets,
    wanted: NewTestSet,
    outputs = Object.keys(fieldsOf(project, 'outputs')),
  ): Promise<TestSet> {
    if (outputs.length === 0)
      throw refuse('no-outputs', 'The project has no spec yet that says which columns are outputs; give it one first.')
    await this.#refuseSecond(project)
    const version = await datasets.open(project, wanted.dataset)
    try {
      const rows = await chosenRows(version, outputs, wanted)
      return await this.#freeze(project, 'share', inOrder(rows))
    } finally {
      await version.close()
    }
  }

  /** Freezes the rows of a file of their own. */
  async freezeUpload(
    project: Project,
    source: Received,
    { name = 'test.csv', mode: _, ...provenance }: Upload,
  ): Promise<TestSet> {
    await this.#refuseSecond(project)
    return this.#working(async (folder) => {
      const table = await readReceived(source, folder, name)
      try {
        checkColumns(
          table.columns.map((column) => column.name),
          project,
          provenance,
        )
        const keep = new Set(Object.keys(fieldsOf(project, 'inputs')))
        const rejected: Rejected = { count: table.rejectedCount, first: [] }
        return await this.#freeze(
          project,
          'upload',
          withOrigin(table.rows(), provenance, { source: name, keep, rejected }),
        )
      } finally {
        await table.close()
      }
    })
  }

  /** Where the frozen rows are read from. Throws `unknown-test-set`. */
  async place(project: Project): Promise<VersionPlace> {
    const { sha256 } = await this.get(project)
    return this.#placeOf(project.id, sha256)
  }

  /** Keys of the frozen rows over some inputs; null when there is no test set. */
  async keys(project: Project, inputs: readonly string[]): Promise<ReadonlySet<string> | null> {
    const record = await findTestSet(this.#store.db, project.id)
    if (!record) return null
    const known = JSON.stringify([record.id, inputs])
    let keys = this.#keys.get(known)
    if (!keys) {
      keys = this.#readKeys(record, inputs)
      this.#keys.set(known, keys)
      keys.catch(() => this.#keys.delete(known))
    }
    return keys
  }

  async #readKeys(record: TestSetRecord, inputs: readonly string[]): Promise<Set<string>> {
    const version = await VersionRows.open(this.#placeOf(record.project, record.sha256))
    const keys = new Set<string>()
    for await (const { values } of version.read()) keys.add(inputsKey(values, inputs))
    await version.close()
    return keys
  }

  async #refuseSecond(project: Project): Promise<void> {
    if (await findTestSet(this.#store.db, project.id)) throw alreadyFrozen(project)
  }

  #placeOf(project: string, id: string): VersionPlace {
    return { folder: rowsFolder(this.#store.folder, project), id }
  }

  async #freeze(project: Project, origin: TestSet['origin'], rows: AsyncIterable<DataRow>): Promise<TestSet> {
    const { id: sha256, rows: count, filled } = await writeRows(rowsFolder(this.#store.folder, project.id), rows)
    const record = {
      project: project.id,
      id: newId(),
      rows: count,
      filled: Object.fromEntries(filled),
      origin,
      sha256,
      created_at: new Date(),
    }
    if (!(await insertTestSet(this.#store.db, record))) throw alreadyFrozen(project)
    this.#events.emit(project.id, { kind: 'test-set', id: record.id, count: record.rows })
    return view(record, project)
  }

  async #working<T>(work: (folder: string) => Promise<T>): Promise<T> {
    const folder = await this.#store.scratch('prepare')
    try {
      return await work(folder)
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
  }
}

function alreadyFrozen(project: Project): Error {
  return refuse(
    'test-set-frozen',
    `The test set of "${project.id}" was frozen before; results stay comparable only while it does not change.`,
  )
}

async function chosenRows(version: VersionRows, outputs: string[], { share, seed }: NewTestSet): Promise<DataRow[]> {
  for (const output of outputs)
    if (!version.columns.includes(output))
      throw refuse('missing-column', `The dataset version has no column "${output}", which is an output.`, {
        column: output,
      })
  const labelled: DataRow[] = []
  for await (const row of version.read())
    if (outputs.some((output) => !isMissing(row.values[output]))) labelled.push(row)
  const named = outputs.map((output) => `"${output}"`).join(' or ')
  if (labelled.length === 0)
    throw new VolantError(
      'empty-column',
      `No row of the dataset version has a label in ${named}; label some rows first.`,
    )
  if (labelled.length < FEWEST)
    throw refuse(
      'too-few-rows',
      `${labelled.length} rows of the dataset version have a label in ${named}; a test set needs at least ${FEWEST} to be parted from.`,
    )
  const cells = (column: string): Cell[] => labelled.map((row) => row.values[column] ?? null)
  const inputs = version.columns.filter((column) => !outputs.includes(column))
  const { test } = split(labelled.length, {
    ratios: [1 - share, 0, share],
    seed,
    stratify: outputs.map(cells),
    groups: inputs.length > 0 ? duplicateKeys(inputs.map(cells)) : undefined,
  })
  if (test.length === 0)
    throw refuse(
      'too-few-rows',
      `No row can be spared for the test set: nearly every class of ${named} has a single row, and it is needed to learn from; give classes more rows.`,
    )
  return test.map((at) => labelled[at]!)
}

async function* inOrder(rows: DataRow[]): AsyncGenerator<DataRow> {
  yield* rows
}

function view({ id, rows, sha256, filled, origin, created_at }: TestSetRecord, project: Project): TestSet {
  const outputs = Object.keys(fieldsOf(project, 'outputs'))
  const labelled = Object.fromEntries(outputs.map((name) => [name, filled[name] ?? 0]))
  return { id, rows, sha256, labelled, origin, createdAt: created_at.toISOString() }
}
