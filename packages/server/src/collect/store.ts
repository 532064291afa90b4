import { type Kysely, type Selectable, sql } from 'kysely'
import { refuse } from '../errors.js'
import { json, type Migration, orderedJson, type Tables } from '../store/index.js'
import type { Dataset } from './schema.js'

interface DatasetTable {
  id: string
  project: string
  number: number
  /** Names the rows' version in the project's folder. */
  sha256: string
  parent: string | null
  origin: Dataset['origin']
  name: string | null
  rows: number
  added: number
  columns: Dataset['columns']
  filled: Record<string, number>
  rejected: Dataset['rejected']
  kept_out: number
  notes: string[]
  created_at: Date
}
export type DatasetRecord = Selectable<DatasetTable>

declare module '../store/tables.js' {
  interface Tables {
    datasets: DatasetTable
  }
}

export const collectMigrations: Migration[] = [
  {
    name: '0110-datasets',
    up: async (db) => {
      await sql`create table datasets (
        id text primary key, project text not null references projects (id) on delete cascade, number int not null,
        sha256 text not null, parent text, origin text not null, name text, rows int not null, added int not null,
        columns jsonb not null, filled json not null, rejected jsonb not null, kept_out int not null, notes jsonb not null,
        created_at timestamptz not null, unique (project, number))`.execute(db)
    },
  },
]

/**
 * Adds a dataset version under the project's next number. The project's row is locked: numbers have no gaps.
 * Throws `unknown-project` when the project was deleted meanwhile.
 */
export async function insertDataset(
  db: Kysely<Tables>,
  dataset: Omit<DatasetRecord, 'number'>,
  guard?: (trx: Kysely<Tables>) => Promise<void>,
): Promise<DatasetRecord> {
  return db.transaction().execute(async (trx) => {
    const { rows } = await sql`select 1 from projects where id = ${dataset.project} for update`.execute(trx)
    if (rows.length === 0)
      throw refuse('unknown-project', `The project "${dataset.project}" was deleted meanwhile.`, {
        project: dataset.project,
      })
    await guard?.(trx)
    const { last } = await trx
      .selectFrom('datasets')
      .select(({ fn }) => fn.max('number').as('last'))
      .where('project', '=', dataset.project)
      .executeTakeFirstOrThrow()
    const { columns, filled, rejected, notes } = dataset
    return trx
      .insertInto('datasets')
      .values({
        ...dataset,
        number: (last ?? 0) + 1,
        columns: json(columns),
        filled: orderedJson(filled),
        rejected: json(rejected),
        notes: json(notes),
      })
      .returningAll()
      .executeTakeFirstOrThrow()
  })
}

export async function findDataset(db: Kysely<Tables>, project: string, id: string): Promise<DatasetRecord | undefined> {
  return db.selectFrom('datasets').selectAll().where('project', '=', project).where('id', '=', id).executeTakeFirst()
}

/** The newest dataset version, of some origins only when they are named. */
export async function newestDataset(
  db: Kysely<Tables>,
  project: string,
  origins?: Dataset['origin'][],
): Promise<DatasetRecord | undefined> {
  let query = db.selectFrom('datasets').selectAll().where('project', '=', project).orderBy('number', 'desc').limit(1)
  if (origins) query = query.where('origin', 'in', origins)
  return query.executeTakeFirst()
}

export async function listDatasets(
  db: Kysely<Tables>,
  project: string,
  limit: number,
  before: number,
): Promise<DatasetRecord[]> {
  return db
    .selectFrom('datasets')
    .selectAll()
    .where('project', '=', project)
    .where('number', '<', before)
    .orderBy('number', 'desc')
    .limit(limit)
    .execute()
}
