import { VolantError } from '@volant/data'
import { type Kysely, Migrator, sql } from 'kysely'

/**
 * One step of the schema, applied once. Names are `NNNN-word` and give the order; 0001-0099 belong to what stages share.
 * A step that was released is never edited: add another one.
 */
export interface Migration {
  readonly name: string
  up(db: Kysely<unknown>): Promise<void>
}

/**
 * Brings the schema up to date, all in one transaction. Throws `newer-data-folder` when the database has steps that this
 * version does not know, and `migration-failed` (nothing is changed then).
 */
export async function migrate(db: Kysely<unknown>, migrations: readonly Migration[], place: string): Promise<void> {
  const byName = new Map<string, Migration>()
  for (const step of migrations) {
    if (!/^\d{4}-[a-z0-9-]+$/.test(step.name) || byName.has(step.name)) {
      throw new Error(`Migration "${step.name}" must have a name like 0102-runs that no other has.`)
    }
    byName.set(step.name, step)
  }
  await refuseNewer(db, byName, place)
  const migrator = new Migrator({
    db,
    provider: { getMigrations: async () => Object.fromEntries(byName) },
    migrationTableName: 'schema_steps',
    migrationLockTableName: 'schema_lock',
    allowUnorderedMigrations: true,
  })
  const { error, results } = await migrator.migrateToLatest()
  if (!error) return
  const step = results?.find(({ status }) => status === 'Error')?.migrationName ?? 'unknown'
  throw new VolantError(
    'migration-failed',
    `The database (${place}) could not be brought up to date: step "${step}" failed (${(error as Error).message}). ` +
      'Nothing was changed.',
    { step, place },
    { cause: error },
  )
}

async function refuseNewer(db: Kysely<unknown>, known: ReadonlyMap<string, Migration>, place: string): Promise<void> {
  const { rows: tables } = await sql<{ found: string | null }>`select to_regclass('schema_steps') as found`.execute(db)
  if (!tables[0]?.found) return
  const { rows } = await sql<{ name: string }>`select name from schema_steps order by name`.execute(db)
  const unknown = rows.map(({ name }) => name).filter((name) => !known.has(name))
  if (unknown.length === 0) return
  throw new VolantError(
    'newer-data-folder',
    `The database (${place}) was made by a newer version of Volant: it has the schema step "${unknown.at(-1)}", which ` +
      'this version does not know. Start that newer version, or use another data folder.',
    { place, steps: unknown },
  )
}
