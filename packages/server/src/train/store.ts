import { type Kysely, type Selectable, sql } from 'kysely'
import { type Migration, orderedJson, type Tables } from '../store/index.js'
import type { ModelVersion, NewRun, Run } from './schema.js'

interface RunTable {
  id: string
  project: string
  job: string | null
  state: Run['state']
  reason: string | null
  dataset: string
  request: NewRun
  parent: string | null
  spec: Record<string, unknown> | null
  version: string | null
  attempt: number
  created_at: Date
  started_at: Date | null
  ended_at: Date | null
}
export type RunRecord = Selectable<RunTable>

/** What the model folder's report tells of a version. */
export type Report = Pick<
  ModelVersion,
  'metrics' | 'intervals' | 'baselines' | 'chosen' | 'notes' | 'seconds' | 'parameters'
> & {
  positive: Record<string, string>
  /** What the model takes and gives, for forms. */
  fields: Form
}

export interface FormField {
  name: string
  type: string
  classes?: string[]
  positive?: string
}
export interface Form {
  inputs: FormField[]
  outputs: FormField[]
}

interface VersionTable {
  id: string
  project: string
  number: number
  run: string
  dataset: string
  parent: string | null
  spec: Record<string, unknown>
  report: Report
  trained_on: ModelVersion['trainedOn']
  /** Artifact tree of the model folder. */
  tree: string
  created_at: Date
}
export type VersionRecord = Selectable<VersionTable>

declare module '../store/tables.js' {
  interface Tables {
    runs: RunTable
    versions: VersionTable
  }
}

export const trainMigrations: Migration[] = [
  {
    name: '0130-runs',
    up: async (db) => {
      await sql`create table runs (
        id text primary key, project text not null references projects (id) on delete cascade, job text,
        state text not null, reason text, dataset text not null, request json not null, parent text, spec json,
        version text, attempt int not null, created_at timestamptz not null, started_at timestamptz, ended_at timestamptz)`.execute(
        db,
      )
      await sql`create index runs_project on runs (project, id)`.execute(db)
      await sql`create table versions (
        id text primary key, project text not null references projects (id) on delete cascade, number int not null,
        run text not null unique, dataset text not null, parent text, spec json not null, report json not null,
        trained_on json not null, tree text not null, created_at timestamptz not null, unique (project, number))`.execute(
        db,
      )
    },
  },
]

export async function insertRun(trx: Kysely<Tables>, run: RunRecord): Promise<void> {
  await trx
    .insertInto('runs')
    .values({ ...run, request: orderedJson(run.request), spec: run.spec && orderedJson(run.spec) })
    .execute()
}

/** Changes a run that has not ended; false when it has (or is not there). */
export async function changeRun(
  db: Kysely<Tables>,
  id: string,
  change: Partial<Omit<RunRecord, 'id' | 'request'>>,
): Promise<boolean> {
  const { spec, ...rest } = change
  const result = await db
    .updateTable('runs')
    .set({ ...rest, ...(spec && { spec: orderedJson(spec) }) })
    .where('id', '=', id)
    .where('state', 'in', ['waiting', 'running'])
    .executeTakeFirst()
  return result.numUpdatedRows > 0n
}

export async function findRun(db: Kysely<Tables>, project: string, id: string): Promise<RunRecord | undefined> {
  return db.selectFrom('runs').selectAll().where('project', '=', project).where('id', '=', id).executeTakeFirst()
}

export async function listRuns(
  db: Kysely<Tables>,
  project: string,
  limit: number,
  before?: string,
): Promise<RunRecord[]> {
  let query = db.selectFrom('runs').selectAll().where('project', '=', project).orderBy('id', 'desc').limit(limit)
  if (before !== undefined) query = query.where('id', '<', before)
  return query.execute()
}

/** How many runs a project has had, and the one that is under way. */
export async function countRuns(
  db: Kysely<Tables>,
  project: string,
): Promise<{ runs: number; running: RunRecord | undefined }> {
  const { runs } = await db
    .selectFrom('runs')
    .select(({ fn }) => fn.countAll<string>().as('runs'))
    .where('project', '=', project)
    .executeTakeFirstOrThrow()
  const running = await db
    .selectFrom('runs')
    .selectAll()
    .where('project', '=', project)
    .where('state', 'in', ['running', 'waiting'])
    .orderBy('id', 'desc')
    .executeTakeFirst()
  return { runs: Number(runs), running }
}

/** Adds a version under the project's next number; the project's row is locked. */
export async function insertVersion(
  trx: Kysely<Tables>,
  version: Omit<VersionRecord, 'number'>,
): Promise<VersionRecord> {
  await sql`select 1 from projects where id = ${version.project} for update`.execute(trx)
  const { last } = await trx
    .selectFrom('versions')
    .select(({ fn }) => fn.max('number').as('last'))
    .where('project', '=', version.project)
    .executeTakeFirstOrThrow()
  const { spec, report, trained_on } = version
  return trx
    .insertInto('versions')
    .values({
      ...version,
      number: (last ?? 0) + 1,
      spec: orderedJson(spec),
      report: orderedJson(report),
      trained_on: orderedJson(trained_on),
    })
    .returningAll()
    .executeTakeFirstOrThrow()
}

export async function findVersion(db: Kysely<Tables>, project: string, id: string): Promise<VersionRecord | undefined> {
  return db.selectFrom('versions').selectAll().where('project', '=', project).where('id', '=', id).executeTakeFirst()
}

export async function listVersions(
  db: Kysely<Tables>,
  project: string,
  limit: number,
  before: number,
): Promise<VersionRecord[]> {
  return db
    .selectFrom('versions')
    .selectAll()
    .where('project', '=', project)
    .where('number', '<', before)
    .orderBy('number', 'desc')
    .limit(limit)
    .execute()
}
