import { type Kysely, type Selectable, sql } from 'kysely'
import { type Migration, orderedJson, type Tables } from '../store/index.js'
import type { Need, Project } from './schema.js'

interface ProjectTable {
  id: string
  name: string
  need: Need | null
  spec: Record<string, unknown> | null
  classes: Record<string, string[]> | null
  created_at: Date
  updated_at: Date
}

declare module '../store/tables.js' {
  interface Tables {
    projects: ProjectTable
  }
}

export const needsMigrations: Migration[] = [
  {
    name: '0100-projects',
    up: async (db) => {
      await sql`create table projects (
        id text primary key, name text not null, need json, spec json, classes json,
        created_at timestamptz not null, updated_at timestamptz not null)`.execute(db)
    },
  },
]

/** Adds a project; false when its id is taken. */
export async function insertProject(db: Kysely<Tables>, project: Project): Promise<boolean> {
  const { id, name, need, spec, classes } = project
  const result = await db
    .insertInto('projects')
    .values({
      id,
      name,
      need: orderedJson(need),
      spec: orderedJson(spec),
      classes: orderedJson(classes),
      created_at: new Date(project.createdAt),
      updated_at: new Date(project.updatedAt),
    })
    .onConflict((conflict) => conflict.column('id').doNothing())
    .executeTakeFirst()
  return result.numInsertedOrUpdatedRows === 1n
}

export async function updateProject(db: Kysely<Tables>, project: Project): Promise<void> {
  const { id, name, need, spec, classes } = project
  await db
    .updateTable('projects')
    .set({
      name,
      need: orderedJson(need),
      spec: orderedJson(spec),
      classes: orderedJson(classes),
      updated_at: new Date(project.updatedAt),
    })
    .where('id', '=', id)
    .execute()
}

export async function updateSpec(db: Kysely<Tables>, id: string, spec: Record<string, unknown>): Promise<void> {
  await db
    .updateTable('projects')
    .set({ spec: orderedJson(spec), updated_at: new Date() })
    .where('id', '=', id)
    .execute()
}

export async function findProject(db: Kysely<Tables>, id: string): Promise<Project | undefined> {
  const row = await db.selectFrom('projects').selectAll().where('id', '=', id).executeTakeFirst()
  return row && view(row)
}

/** Projects in the order of their ids, after `after`. */
export async function listProjects(db: Kysely<Tables>, limit: number, after?: string): Promise<Project[]> {
  let query = db.selectFrom('projects').selectAll().orderBy('id').limit(limit)
  if (after !== undefined) query = query.where('id', '>', after)
  return (await query.execute()).map(view)
}

export async function deleteProject(db: Kysely<Tables>, id: string): Promise<void> {
  await db.deleteFrom('projects').where('id', '=', id).execute()
}

/**
 * The records whose project still is. What was on its way to the database when its project was deleted goes with it;
 * the project's row is held until the transaction ends.
 */
export async function ofLiving<T extends { project: string }>(
  trx: Kysely<Tables>,
  records: readonly T[],
): Promise<T[]> {
  const ids = [...new Set(records.map(({ project }) => project))]
  if (ids.length === 0) return []
  const rows = await trx
    .selectFrom('projects')
    .select('id')
    .where('id', 'in', ids)
    .orderBy('id')
    .forKeyShare()
    .execute()
  const living = new Set(rows.map(({ id }) => id))
  return records.filter(({ project }) => living.has(project))
}

const view = (row: Selectable<ProjectTable>): Project => ({
  id: row.id,
  name: row.name,
  need: row.need,
  spec: row.spec,
  classes: row.classes,
  createdAt: row.created_at.toISOString(),
  updatedAt: row.updated_at.toISOString(),
})
