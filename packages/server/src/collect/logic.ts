import { rm } from 'node:fs/promises'
import { inferType, nearestName, type Row, type Table, VolantError } from '@volant/data'
import { refuse } from '../errors.js'
import type { Events } from '../events.js'
import { ofLiving, type Project } from '../needs/index.js'
import { cutPage, numberAfter, type Page, type Paging } from '../schema.js'
import { newId, type Store } from '../store/index.js'
import { inputsKey } from './equal.js'
import { type Received, readReceived } from './receive.js'
import {
  type DataRow,
  type Rejected,
  rowsFolder,
  type VersionPlace,
  VersionRows,
  withOrigin,
  writeRows,
} from './rows.js'
import type { Dataset, NewRows, Provenance, Upload } from './schema.js'
import { type DatasetRecord, findDataset, insertDataset, listDatasets, newestDataset } from './store.js'

/** Keys of the frozen test set's rows over the inputs; null while there is no test set or no spec. */
export type TestKeys = (project: Project) => Promise<{ inputs: string[]; keys: ReadonlySet<string> } | null>

/** Rows for a new dataset version, and what is said about them. */
interface NewVersion {
  origin: Dataset['origin']
  parent: DatasetRecord | undefined
  name: string | null
  rows: AsyncIterable<DataRow>
  rejected: Rejected
  notes: readonly string[]
  id?: string
}

const collectedOrigins: Dataset['origin'][] = ['upload', 'rows']
/** How often rows are appended anew when others were faster. */
const APPENDS = 10

/** Another version was added meanwhile: what was to be appended to the newest one no longer is. */
class Overtaken extends Error {}

/** Most columns of a dataset version, as of a file. */
const COLUMNS = 10_000

/** Rows looked at to tell the types of columns. */
export const TYPED_ROWS = 2000

/** Dataset versions: collected rows with their source, time, subject and consent. */
export class Datasets {
  readonly #store: Store
  readonly #events: Events
  readonly #testKeys: TestKeys

  constructor(store: Store, events: Events, testKeys: TestKeys) {
    this.#store = store
    this.#events = events
    this.#testKeys = testKeys
  }

  /** Takes a file and makes a dataset version of it; nothing is seen of it before it is complete. */
  async upload(
    project: Project,
    source: Received,
    { name = 'upload.csv', mode, ...provenance }: Upload,
  ): Promise<Dataset> {
    return this.#working(async (folder) => {
      const table = await readReceived(source, folder, name)
      try {
        return await this.#addTable(project, table, { origin: 'upload', name, mode, provenance })
      } finally {
        await table.close()
      }
    })
  }

  async addRows(project: Project, { rows, mode, ...provenance }: NewRows): Promise<Dataset> {
    const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))]
    const source = {
      columns: columns.map((name) => ({ name })),
      rows: () => rows,
      rejected: [],
      rejectedCount: 0,
      notes: [],
    }
    return this.#addTable(project, source, { origin: 'rows', name: null, mode, provenance })
  }

  /** Makes a version of rows that another stage puts together. With an `id` it is made once: a repeat finds it. */
  async add(
    project: Project,
    version: { id: string; origin: 'feedback'; parent: string; rows: AsyncIterable<DataRow>; notes: string[] },
  ): Promise<Dataset> {
    const made = await findDataset(this.#store.db, project.id, version.id)
    if (made) return view(made, project)
    const parent = await this.#find(project.id, version.parent)
    return this.#write(project, { ...version, parent, name: null, rejected: { count: 0, first: [] } })
  }

  /** `latest` is an id too. Throws `unknown-dataset`, `no-data`. */
  async get(project: Project, id: string): Promise<Dataset> {
    return view(await this.#find(project.id, id), project)
  }

  /** How many rows of a version have a value, by column. */
  async filled(project: Project, id: string): Promise<Record<string, number>> {
    return (await this.#find(project.id, id)).filled
  }

  async list(project: Project, { limit, after }: Paging): Promise<Page<Dataset>> {
    const records = await listDatasets(this.#store.db, project.id, limit + 1, numberAfter(after))
    const page = cutPage(records, limit, (record) => String(record.number))
    return { ...page, items: page.items.map((record) => view(record, project)) }
  }

  /** The newest version made of collected rows alone, without feedback; undefined before the first. */
  async collected(project: Project): Promise<Dataset | undefined> {
    const record = await newestDataset(this.#store.db, project.id, collectedOrigins)
    return record && view(record, project)
  }

  /** Opens a version's rows; close them after use. */
  async open(project: Project, id: string): Promise<VersionRows> {
    return VersionRows.open(await this.place(project, id))
  }

  /** Where a version's rows are read from, also by a child process. */
  async place(project: Project, id: string): Promise<VersionPlace> {
    const { sha256 } = await this.#find(project.id, id)
    return { folder: rowsFolder(this.#store.folder, project.id), id: sha256 }
  }

  /** Whatever failed because the project was deleted meanwhile says so, and leaves no file. */
  async #refuseDeleted(project: string): Promise<void> {
    if ((await ofLiving(this.#store.db, [{ project }])).length > 0) return
    await this.removeFiles(project)
    throw refuse('unknown-project', `The project "${project}" was deleted meanwhile.`, { project })
  }

  /** Removes the rows' files of a deleted project; again where rows were written into the folder meanwhile. */
  async removeFiles(project: string): Promise<void> {
    await rm(rowsFolder(this.#store.folder, project), { recursive: true, force: true, maxRetries: 10 })
  }

  async #find(project: string, id: string): Promise<DatasetRecord> {
    const db = this.#store.db
    const record = id === 'latest' ? await newestDataset(db, project) : await findDataset(db, project, id)
    if (record) return record
    if (id === 'latest')
      throw refuse('no-data', `The project "${project}" has no data yet; upload a file to /datasets first.`)
    throw refuse('unknown-dataset', `The project "${project}" has no dataset version "${id}".`, { dataset: id })
  }

  async #addTable(
    project: Project,
    table: Pick<Table, 'columns' | 'rejected' | 'rejectedCount' | 'notes'> & {
      rows(): AsyncIterable<Row> | Iterable<Row>
    },
    {
      origin,
      name,
      mode,
      provenance,
    }: { origin: 'upload' | 'rows'; name: string | null; mode: Upload['mode']; provenance: Provenance },
  ): Promise<Dataset> {
    const columns = table.columns.map((column) => column.name)
    checkColumns(columns, project, provenance)
    const keep = new Set(Object.keys(fieldsOf(project, 'inputs')))
    for (let attempt = 1; ; attempt++) {
      const parent = mode === 'append' ? await newestDataset(this.#store.db, project.id, collectedOrigins) : undefined
      checkWidth(columns, parent)
      const rejected = { count: table.rejectedCount, first: [...table.rejected] }
      const rows = withOrigin(table.rows(), provenance, { source: name ?? 'api', keep, rejected })
      try {
        return await this.#write(project, { origin, parent, name, rows, rejected, notes: table.notes })
      } catch (error) {
        await this.#refuseDeleted(project.id)
        if (!(error instanceof Overtaken) || attempt === APPENDS) throw error
      }
    }
  }

  async #write(project: Project, version: NewVersion): Promise<Dataset> {
    const { origin, name, rejected, parent } = version
    const test = await this.#testKeys(project)
    const base = origin === 'feedback' ? undefined : parent
    let [added, keptOut] = [0, base?.kept_out ?? 0]
    const counted = async function* (): AsyncGenerator<DataRow> {
      for await (const row of version.rows) {
        added++
        if (test?.keys.has(inputsKey(row.values, test.inputs))) keptOut++
        yield row
      }
      if (added === 0) throw refuse('too-few-rows', 'There is no row to keep.', { rejected })
    }
    const folder = rowsFolder(this.#store.folder, project.id)
    const written = await writeRows(folder, counted(), base?.sha256)
    const filled = sumOf(base?.filled ?? {}, written.filled)
    const record = {
      ...{
        id: version.id ?? newId(),
        project: project.id,
        sha256: written.id,
        parent: parent?.id ?? null,
        origin,
        name,
      },
      ...{
        rows: written.rows,
        added,
        filled,
        rejected,
        kept_out: keptOut,
        notes: [...version.notes],
        created_at: new Date(),
      },
      columns: await typesOf({ folder, id: written.id }, Object.keys(filled)),
    }
    const made = await insertDataset(this.#store.db, record, async (trx) => {
      if (origin === 'feedback') return
      const newest = await newestDataset(trx, project.id, collectedOrigins)
      if (base && newest?.id !== base.id) throw new Overtaken()
    })
    this.#events.emit(project.id, { kind: 'dataset', id: made.id, count: made.rows })
    return view(made, project)
  }

  async #working<T>(work: (folder: string) => Promise<T>): Promise<T> {
    const folder = await this.#store.scratch('collect')
    try {
      return await work(folder)
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
  }
}

/** Rows that bring ever new columns would make every later version slower. */
function checkWidth(columns: string[], parent: DatasetRecord | undefined): void {
  const count = new Set([...columns, ...Object.keys(parent?.filled ?? {})]).size
  if (count <= COLUMNS) return
  throw new VolantError(
    'too-many-columns',
    `With these rows the data would have ${count} columns; at most ${COLUMNS} are kept.`,
    { columns: count },
  )
}

/** The columns that origin is read from must be there, and so must the inputs of the spec. Labels may be missing. */
export function checkColumns(columns: string[], project: Project, provenance: Provenance): void {
  const { timeColumn, subjectColumn, sourceColumn, consentColumn } = provenance
  const wanted = [timeColumn, subjectColumn, sourceColumn, consentColumn].filter((name) => name !== undefined)
  for (const name of [...wanted, ...Object.keys(fieldsOf(project, 'inputs'))]) {
    if (columns.includes(name)) continue
    const nearest = nearestName(name, columns)
    const hint = nearest
      ? `Did you mean "${nearest}"?`
      : `The columns are: ${columns
          .slice(0, 20)
          .map((one) => `"${one}"`)
          .join(', ')}.`
    throw refuse('missing-column', `There is no column "${name}" in the data. ${hint}`, { column: name, nearest })
  }
}

/** Fields as the project's spec names them; none without a spec. */
export function fieldsOf(project: Project, side: 'inputs' | 'outputs'): Record<string, unknown> {
  return (project.spec?.[side] ?? {}) as Record<string, unknown>
}

function sumOf(before: Record<string, number>, added: Map<string, number>): Record<string, number> {
  const sum = new Map(Object.entries(before))
  for (const [name, count] of added) sum.set(name, (sum.get(name) ?? 0) + count)
  return Object.fromEntries(sum)
}

async function typesOf(place: VersionPlace, names: string[]): Promise<Dataset['columns']> {
  const version = await VersionRows.open(place)
  const cells = new Map(names.map((name) => [name, [] as Row[string][]]))
  for await (const { values } of version.read({ limit: TYPED_ROWS }))
    for (const [name, list] of cells) list.push(values[name] ?? null)
  await version.close()
  return [...cells].map(([name, list]) => ({ name, type: inferType(list) }))
}

function view({ filled, kept_out, created_at, project: _, ...record }: DatasetRecord, project: Project): Dataset {
  const outputs = Object.keys(fieldsOf(project, 'outputs'))
  return {
    ...record,
    labelled: Object.fromEntries(outputs.map((name) => [name, filled[name] ?? 0])),
    keptOut: kept_out,
    createdAt: created_at.toISOString(),
  }
}
